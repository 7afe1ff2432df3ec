#include "identity/credentials_tokens.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "aws/digest.hpp"

namespace sluice::identity {
namespace {

using nlohmann::json;

constexpr std::size_t kMostTokenName = 64;
constexpr std::size_t kMostToken = 256;
constexpr std::size_t kHashDigits = 64;

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kMostTokenName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  });
}

std::optional<std::string> new_token() {
  std::array<char, 32> random{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(random.data()), random.size()) != 1) return std::nullopt;
  return aws::to_hex({random.data(), random.size()});
}

// A revocation that overtook the write would be undone by it.
Error being_issued() { return {errc::refused, "a token for this client is being written; ask again"}; }

std::int64_t ms_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

CredentialsTokens::CredentialsTokens(store::Registry& registry, store::Space space, Clock& clock)
    : registry_(registry), space_(space), clock_(clock) {}

CredentialsTokens::~CredentialsTokens() { *alive_ = false; }

result<std::size_t> CredentialsTokens::load() {
  std::size_t unreadable = 0;
  auto scanned = registry_.scan(space_, [&](std::string_view name, std::string_view value) {
    const auto object = json::parse(value, nullptr, false);
    const auto text = [&object](const char* key) {
      const auto found = object.find(key);
      return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
    };
    Row row;
    if (object.is_object()) {
      row.identity = text("identity");
      row.hash = text("hash");
      const auto issued = object.find("issued_ms");
      if (issued != object.end() && issued->is_number_integer()) row.issued_ms = issued->get<std::int64_t>();
    }
    if (row.hash.size() != kHashDigits || !is_name(name) || rows_.size() >= kMostCredentialsClients) {
      ++unreadable;
      return;
    }
    rows_.insert_or_assign(std::string(name), std::move(row));
  });
  if (scanned.has_error()) return scanned.error();
  return unreadable;
}

void CredentialsTokens::issue(const std::string& name, const std::string& identity,
                              std::function<void(result<std::string>)> done) {
  if (!is_name(name)) {
    return done(Error{errc::invalid_argument,
                      "a client's name has 1 to 64 letters, digits, '_', '.' or '-'; choose another"});
  }
  if (issuing_.contains(name)) return done(being_issued());
  if (rows_.size() >= kMostCredentialsClients && !rows_.contains(name)) {
    return done(Error{errc::full, "there are 256 clients, which is the most; revoke one that is not needed"});
  }
  auto token = new_token();
  if (!token) return done(Error{errc::io, "OpenSSL gives no random numbers"});
  Row row{identity, aws::sha256_hex(*token), ms_of(clock_.wall()), 0};
  const json value = {{"identity", row.identity}, {"hash", row.hash}, {"issued_ms", row.issued_ms}};
  issuing_.insert(name);
  registry_.put(
      space_, name, value.dump(-1, ' ', false, json::error_handler_t::replace),
      [this, alive = alive_, name, row, token = *token, done = std::move(done)](result<void> written) {
        if (!*alive) return;
        issuing_.erase(name);
        if (written.has_error()) return done(written.error());
        rows_.insert_or_assign(name, row);
        done(token);
      });
}

void CredentialsTokens::revoke(const std::string& name, std::function<void(result<void>)> done) {
  if (issuing_.contains(name)) return done(being_issued());
  if (rows_.erase(name) == 0) {
    return done(Error{errc::not_found, "there is no such client; see: sluicectl credentials"});
  }
  registry_.erase(space_, name, std::move(done));
}

std::optional<CredentialsClient> CredentialsTokens::find(std::string_view token) const {
  if (token.empty() || token.size() > kMostToken) return std::nullopt;
  const auto hash = aws::sha256_hex(token);
  std::optional<CredentialsClient> found;
  for (const auto& [name, row] : rows_) {  // to the end, found or not
    if (aws::equal_in_constant_time(hash, row.hash)) found = CredentialsClient{name, row.identity};
  }
  return found;
}

void CredentialsTokens::used(const std::string& name) {
  const auto found = rows_.find(name);
  if (found != rows_.end()) found->second.used_ms = ms_of(clock_.wall());
}

json CredentialsTokens::list() const {
  auto rows = json::array();
  for (const auto& [name, row] : rows_) {
    rows.push_back(
        {{"name", name}, {"identity", row.identity}, {"issued_ms", row.issued_ms}, {"used_ms", row.used_ms}});
  }
  return rows;
}

}  // namespace sluice::identity
