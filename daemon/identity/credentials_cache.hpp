// Temporary credentials by identity: fetched when first asked for, renewed before they expire as long as
// somebody asks, served from memory while AWS is out of reach. One fetch at a time for each identity. In
// memory only. Loop thread.
//
//   asked ─▶ valid? ─▶ answered at once        (inside the margin a renewal starts beside it)
//              │ no
//              └─▶ fetch ─▶ all who wait are answered      failed: back-off with jitter, told in words
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/backoff.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "identity/credentials_source.hpp"

namespace sluice::identity {

inline constexpr std::size_t kMostCredentialedIdentities = 1000;
inline constexpr std::size_t kMostCredentialsWaiters = 64;  // of one identity

// When credentials of this life are renewed: this long before they expire.
Duration renewal_margin(Duration life);

class CredentialsCache {
 public:
  using Reply = std::function<void(result<aws::TemporaryCredentials>)>;

  // What is given by reference must outlive it. `seed`: of the jitter.
  CredentialsCache(Clock& clock, CredentialsFetcher& fetcher, CredentialsSourceOf source_of, Log log);
  ~CredentialsCache();
  CredentialsCache(const CredentialsCache&) = delete;
  CredentialsCache& operator=(const CredentialsCache&) = delete;

  // Now or later. Errors: not_found, denied (AWS refuses; what was cached is forgotten), unreachable and
  // throttled (with the words of the last try), full, unauthorized (this machine does not know the time yet).
  void get(const std::string& identity, Reply reply);
  // Its certificate or role is another now.
  void forget(const std::string& identity);

  // [{"identity", "expires_ms", "error"}]
  nlohmann::json status() const;

 private:
  struct Entry {
    explicit Entry(Clock& clock) : timer(clock) {}
    CredentialsSource source;
    aws::TemporaryCredentials credentials;
    bool has_credentials = false, fetching = false, asked = false;
    Duration life{};
    MonoTime not_before{};  // of the next fetch
    Error last_error;       // text empty: none
    std::vector<Reply> waiting;
    Backoff backoff{BackoffLimits{}};
    Timer timer;
    std::uint64_t generation = 0;  // an answer of an earlier one is not ours
  };

  Duration left(const Entry& entry) const;
  bool is_due(const Entry& entry) const;
  bool make_room();
  void fetch(const std::string& identity, Entry& entry);
  void fetched(const std::string& identity, Entry& entry, aws::result<aws::TemporaryCredentials> outcome);
  void failed(const std::string& identity, Entry& entry, const aws::Error& error);
  void plan(const std::string& identity, Entry& entry);
  Error refusal(const Entry& entry) const;
  static void answer_all(Entry& entry, const result<aws::TemporaryCredentials>& answer);

  Clock& clock_;
  CredentialsFetcher& fetcher_;
  CredentialsSourceOf source_of_;
  Log log_;
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> entries_;
  std::uint64_t generation_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::identity
