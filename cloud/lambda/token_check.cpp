#include "cloud/lambda/token_check.hpp"

#include <algorithm>

#include "device/token_hash.hpp"

namespace sluice::lambda {
namespace {

using Kind = aws::Error::Kind;

aws::cvm::Refusal unauthorized() {
  return {.status = 401,
          .code = "Unauthorized",
          .message = "unknown productid, or the accessToken is not its",
          .retry_after_s = {}};
}

}  // namespace

std::string hash_access_token(std::string_view token) { return device::hash_token(token, kTokenHashCost); }

bool valid_productid(std::string_view productid) {
  return !productid.empty() && productid.size() <= aws::cvm::kMaxProductId &&
         std::ranges::all_of(productid, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' ||
                  c == '_' || c == '-';
         });
}

Checked check_token(DeviceTable& table, std::string_view productid, std::string_view token, const Log& log) {
  // What can be nobody's is refused without work; this tells nothing of the table.
  if (!valid_productid(productid)) {
    log.info("refused: no productid, or none that could be in the table");
    return unauthorized();
  }
  if (token.empty() || token.size() > aws::cvm::kMaxAccessToken) {
    log.info("{}: refused: no accessToken, or one of more than 1024 bytes", productid);
    return unauthorized();
  }
  auto found = table.find(productid);
  if (!found) {
    log.error("{}: the table of devices: {} {}", productid, found.error().code, found.error().text);
    return refusal_of(found.error());
  }
  const bool known = found->has_value() && device::valid_token_hash((*found)->token_hash);
  const bool matches = device::token_matches(
      token, known ? (*found)->token_hash : device::unmatchable_token_hash(kTokenHashCost));
  if (!known || !matches) {
    log.info("{}: refused: {}", productid,
             known                ? "not its token"
             : found->has_value() ? "its accessToken in the table is no hash"
                                  : "not in the table");
    return unauthorized();
  }
  const auto state = (*found)->apply_state;
  if (state != kNew && state != kInProgress && state != kRegistered) {
    log.info("{}: refused: blocked by applyState {}", productid, state);
    return unauthorized();
  }
  return std::move(**found);
}

aws::cvm::Refusal refusal_of(const aws::Error& error) {
  constexpr std::int64_t kPatience = 5, kMost = 300;
  const auto asked = error.retry_after ? std::int64_t{error.retry_after->count()} : kPatience;
  const auto wait = static_cast<unsigned>(std::clamp(asked, std::int64_t{1}, kMost));
  if (error.kind == Kind::throttled) {
    return {.status = 429,
            .code = "TooManyRequests",
            .message = "AWS asks us to go slower; ask again later",
            .retry_after_s = wait};
  }
  return {.status = 503,
          .code = "Unavailable",
          .message = "a service behind this one does not do its part; ask again later",
          .retry_after_s = wait};
}

}  // namespace sluice::lambda
