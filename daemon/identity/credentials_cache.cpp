#include "identity/credentials_cache.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace sluice::identity {
namespace {

using Outcome = aws::result<aws::TemporaryCredentials>;
using CredentialsAnswer = result<aws::TemporaryCredentials>;

std::string words_for(const std::string& identity) { return identity.empty() ? "the gateway" : identity; }

errc code_of(aws::Error::Kind kind) {
  switch (kind) {
    case aws::Error::Kind::denied:
    case aws::Error::Kind::not_found:  // of a role alias: AWS's answer, not ours
      return errc::denied;
    case aws::Error::Kind::throttled:
      return errc::throttled;
    case aws::Error::Kind::timeout:
      return errc::timeout;
    case aws::Error::Kind::tls:
      return errc::tls;
    case aws::Error::Kind::invalid:
    case aws::Error::Kind::conflict:
      return errc::refused;
    case aws::Error::Kind::protocol:
      return errc::protocol;
    case aws::Error::Kind::network:
    case aws::Error::Kind::unavailable:
      break;
  }
  return errc::unreachable;
}

}  // namespace

Duration renewal_margin(Duration life) { return std::min<Duration>(5min, life / 10); }

CredentialsCache::CredentialsCache(Clock& clock, CredentialsFetcher& fetcher, CredentialsSourceOf source_of,
                                   Log log)
    : clock_(clock), fetcher_(fetcher), source_of_(std::move(source_of)), log_(std::move(log)) {}

CredentialsCache::~CredentialsCache() { *alive_ = false; }

void CredentialsCache::get(const std::string& identity, Reply reply) {
  if (!clock_.wall_is_plausible()) {
    return reply(Error{errc::unauthorized,
                       "this gateway does not know the time yet, so nothing can be signed or proven "
                       "valid; it asks again once the clock is set"});
  }
  auto source = source_of_(identity);
  if (!source) {
    forget(identity);
    return reply(source.error());
  }
  auto found = entries_.find(identity);
  if (found != entries_.end() && !found->second->source.same_role(*source)) {
    forget(identity);
    found = entries_.end();
  }
  if (found == entries_.end()) {
    if (!make_room()) {
      return reply(Error{errc::full,
                         "temporary credentials of 1000 identities are in use; revoke clients that are not "
                         "needed (sluicectl credentials)"});
    }
    found = entries_.emplace(identity, std::make_unique<Entry>(clock_)).first;
    found->second->generation = ++generation_;
  }
  auto& entry = *found->second;
  entry.source = *std::move(source);  // the certificate may be a newer one
  entry.asked = true;
  const bool valid = entry.has_credentials && left(entry) > Duration{};
  if (is_due(entry) && !entry.fetching && clock_.now() >= entry.not_before) fetch(identity, entry);
  if (valid) return reply(entry.credentials);
  if (!entry.fetching) return reply(refusal(entry));
  if (entry.waiting.size() >= kMostCredentialsWaiters) {
    return reply(Error{errc::full, "too many wait for these credentials already; ask again later"});
  }
  entry.waiting.push_back(std::move(reply));
}

void CredentialsCache::forget(const std::string& identity) {
  const auto found = entries_.find(identity);
  if (found == entries_.end()) return;
  const auto entry = std::move(found->second);
  entries_.erase(found);
  answer_all(*entry, Error{errc::refused, "the identity has changed meanwhile; ask again"});
}

Duration CredentialsCache::left(const Entry& entry) const {
  return entry.credentials.expiration - clock_.wall();
}

bool CredentialsCache::is_due(const Entry& entry) const {
  return !entry.has_credentials || left(entry) <= renewal_margin(entry.life);
}

// Who has expired and is asked for by nobody makes room.
bool CredentialsCache::make_room() {
  if (entries_.size() < kMostCredentialedIdentities) return true;
  const auto erased = std::erase_if(entries_, [this](const auto& row) {
    const auto& entry = *row.second;
    return !entry.fetching && (!entry.has_credentials || left(entry) <= Duration{});
  });
  return erased > 0;
}

void CredentialsCache::fetch(const std::string& identity, Entry& entry) {
  entry.fetching = true;
  fetcher_.fetch(entry.source,
                 [this, alive = alive_, identity, generation = entry.generation](Outcome outcome) {
                   if (!*alive) return;
                   const auto found = entries_.find(identity);
                   if (found == entries_.end() || found->second->generation != generation) return;
                   fetched(identity, *found->second, std::move(outcome));
                 });
}

void CredentialsCache::fetched(const std::string& identity, Entry& entry, Outcome outcome) {
  entry.fetching = false;
  if (!outcome) return failed(identity, entry, outcome.error());
  const Duration life = outcome->expiration - clock_.wall();
  if (life <= Duration{}) {
    return failed(identity, entry,
                  {aws::Error::Kind::protocol,
                   0,
                   {},
                   "the credentials that AWS gave have expired already: set the clock of this gateway",
                   {}});
  }
  if (!entry.last_error.text.empty()) log_.info("temporary credentials for {} again", words_for(identity));
  entry.credentials = *std::move(outcome);
  entry.has_credentials = true;
  entry.life = life;
  entry.last_error = {};
  entry.backoff.reset();
  entry.not_before = {};
  entry.asked = false;
  plan(identity, entry);
  answer_all(entry, entry.credentials);
}

void CredentialsCache::failed(const std::string& identity, Entry& entry, const aws::Error& error) {
  const Duration wait = std::max<Duration>(entry.backoff.next(), error.retry_after.value_or(0s));
  entry.not_before = clock_.now() + wait;
  // Refused is not away: the certificate or the role is not what it was, so what it gave is not handed on.
  if (error.kind == aws::Error::Kind::denied) entry.has_credentials = false;
  if (entry.last_error.text != error.text) {  // once, not at each try
    log_.warn("no temporary credentials for {}: {}{}", words_for(identity), error.text,
              entry.has_credentials && left(entry) > Duration{}
                  ? " (those in memory are served until they expire)"
                  : "");
  }
  entry.last_error = {code_of(error.kind), error.text};
  const bool valid = entry.has_credentials && left(entry) > Duration{};
  if (!valid) return answer_all(entry, refusal(entry));  // whoever asks next tries again
  entry.timer.start(wait, [this, identity, &entry] {
    if (!entry.fetching && left(entry) > Duration{}) fetch(identity, entry);
  });
  answer_all(entry, entry.credentials);
}

// Renews at the margin, if somebody asked since the last time; else they lapse.
void CredentialsCache::plan(const std::string& identity, Entry& entry) {
  const auto wait = std::max<Duration>(left(entry) - renewal_margin(entry.life), 1s);
  entry.timer.start(wait, [this, identity, &entry] {
    if (entry.asked && !entry.fetching) fetch(identity, entry);
  });
}

Error CredentialsCache::refusal(const Entry& entry) const {
  const auto wait = std::chrono::ceil<std::chrono::seconds>(entry.not_before - clock_.now());
  auto error = entry.last_error;
  error.text += "; asked again in at most " + std::to_string(std::max<std::int64_t>(wait.count(), 1)) + " s";
  return error;
}

void CredentialsCache::answer_all(Entry& entry, const CredentialsAnswer& answer) {
  for (const auto& reply : std::exchange(entry.waiting, {})) reply(answer);
}

nlohmann::json CredentialsCache::status() const {
  auto rows = nlohmann::json::array();
  for (const auto& [identity, entry] : entries_) {
    nlohmann::json row = {{"identity", identity}, {"expires_ms", nullptr}, {"error", entry->last_error.text}};
    if (entry->has_credentials) {
      const auto expires = entry->credentials.expiration.time_since_epoch();
      row["expires_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(expires).count();
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace sluice::identity
