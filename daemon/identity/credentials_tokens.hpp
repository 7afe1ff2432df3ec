// Who may fetch temporary credentials from the loopback endpoint: named clients, each with a token that is
// shown once and kept as a hash. Registry rows: key the name, value JSON. Used by the credentials room. Loop
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "store/registry.hpp"

namespace sluice::identity {

inline constexpr std::size_t kMostCredentialsClients = 256;

struct CredentialsClient {
  std::string name, identity;  // whose credentials; empty: the gateway's
};

class CredentialsTokens {
 public:
  // Both must outlive it.
  CredentialsTokens(store::Registry& registry, store::Space space, Clock& clock);
  ~CredentialsTokens();
  CredentialsTokens(const CredentialsTokens&) = delete;
  CredentialsTokens& operator=(const CredentialsTokens&) = delete;

  // Reads the registry; blocks, for start-up. How many rows could not be read (they admit nobody).
  result<std::size_t> load();
  // The new token, once it is on disk. The same name again: the old token is worth nothing from now on.
  // Errors: invalid_argument (name [A-Za-z0-9_.-]{1,64}), full, io.
  void issue(const std::string& name, const std::string& identity,
             std::function<void(result<std::string>)> done);
  // Worth nothing at once, whatever the disk says. Errors: not_found, io (it would come back with a restart).
  void revoke(const std::string& name, std::function<void(result<void>)> done);

  // Whose token is this? Takes the same time for each that we know.
  std::optional<CredentialsClient> find(std::string_view token) const;
  void used(const std::string& name);  // now

  // [{"name", "identity", "issued_ms", "used_ms"}]
  nlohmann::json list() const;

 private:
  struct Row {
    std::string identity, hash;  // SHA-256: the token is 256 random bits, nothing that could be guessed
    std::int64_t issued_ms = 0, used_ms = 0;  // used_ms: since start
  };

  store::Registry& registry_;
  const store::Space space_;
  Clock& clock_;
  std::map<std::string, Row, std::less<>> rows_;
  std::set<std::string, std::less<>> issuing_;  // until it is on disk
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::identity
