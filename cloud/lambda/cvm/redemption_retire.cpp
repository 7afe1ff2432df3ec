// Takes certificates out of use, for who has the token: of a rotation the former ones, of a device that is
// decommissioned all. What is to be retired is in the record before anything is done to it, so that a cut
// leaves it to the next request of this kind, or to the next redemption.
#include <algorithm>
#include <utility>

#include "cloud/lambda/cvm/redemption.hpp"
#include "cloud/lambda/token_check.hpp"

namespace sluice::lambda::cvm {
namespace {

using aws::cvm::Refusal;

// Nobody's from now on: only under `rotate`, or after an operator's reset, will another be given.
DeviceRecord without_certificates(const DeviceRecord& seen, std::string attempt) {
  auto out = seen;
  for (const auto* id : {&seen.cert_id, &seen.pending_cert}) {
    if (!id->empty() && std::ranges::find(out.retiring, *id) == out.retiring.end())
      out.retiring.push_back(*id);
  }
  out.cert_id.clear();
  out.pending_cert.clear();
  out.key_hash.clear();
  out.claim_until = 0;
  out.attempt = std::move(attempt);
  if (out.apply_state == kInProgress) out.apply_state = kRegistered;
  return out;
}

}  // namespace

RetiredIds Redemption::retire(const aws::cvm::RetireRequest& request) {
  const auto checked = check_token(table_, request.productid, request.access_token, log_);
  if (!checked) return checked.error();
  auto seen = *checked;
  if (seen.apply_state == kInProgress && !overdue(seen))
    return in_progress(seen.claim_until - now_().time_since_epoch().count());
  if (!request.keep.empty() && request.keep != seen.cert_id) {
    return Refusal{.status = 409,
                   .code = "NotRegistered",
                   .message = "the certificate to be kept is not the one that is registered for this device",
                   .retry_after_s = {}};
  }
  if (request.keep.empty() && (!seen.cert_id.empty() || !seen.pending_cert.empty())) {
    auto attempt = attempt_name();
    if (attempt.empty()) {
      return failed("retire", seen,
                    {aws::Error::Kind::unavailable, 0, {}, "OpenSSL has no random bytes", {}});
    }
    auto leaving = without_certificates(seen, std::move(attempt));
    leaving.timestamp = now_().time_since_epoch().count();
    const auto mine = table_.replace(seen, leaving);
    if (!mine) return failed("retire", seen, mine.error());
    if (!*mine) return in_progress(1);
    seen = std::move(leaving);
  }
  // A redemption that crashed may have listed the registered one, to retire it later.
  auto retired = seen.retiring;
  std::erase(retired, seen.cert_id);
  if (const auto done = retire_all(iot_, retired, settings_.retired); !done)
    return failed("retire", seen, done.error());
  if (!retired.empty()) {
    auto clean = seen;
    std::erase_if(clean.retiring, [&](const auto& id) { return id != seen.cert_id; });
    // Otherwise they stay listed, and are found to be retired.
    if (const auto done = table_.replace(seen, clean); !done)
      log_.warn("{}: still lists retired certificates: {}", seen.productid, done.error().text);
    log_.info("{}: {} certificates are retired", seen.productid, retired.size());
  }
  return retired;
}

}  // namespace sluice::lambda::cvm
