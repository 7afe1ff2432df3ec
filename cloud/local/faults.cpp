#include "cloud/local/faults.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "mqtt/topic.hpp"

namespace sluice::cloud {
namespace {

using nlohmann::json;

constexpr std::string_view kKinds[] = {"outage",      "half-open", "throttle", "delay-puback",
                                       "lose-puback", "close-on",  "slow-tls", "refuse-connect"};

// SERVICE-EFFECT: each service may have each of these.
constexpr std::string_view kServices[] = {"control", "cvm", "credentials", "fleet"};
constexpr std::string_view kEffects[] = {"outage", "throttle", "slow", "error", "lose-answer"};

std::string_view effect_of(std::string_view kind) {
  for (const auto service : kServices) {
    if (kind.size() > service.size() && kind.starts_with(service) && kind[service.size()] == '-')
      return kind.substr(service.size() + 1);
  }
  return {};
}

bool known_kind(std::string_view kind) {
  return std::ranges::find(kKinds, kind) != std::end(kKinds) ||
         std::ranges::find(kEffects, effect_of(kind)) != std::end(kEffects);
}

result<std::optional<double>> number(const json& wish, const char* name, double least, double most) {
  const auto it = wish.find(name);
  if (it == wish.end()) return std::optional<double>{};
  if (!it->is_number() || it->get<double>() < least || it->get<double>() > most) {
    return Error{errc::invalid_argument, std::string("\"") + name + "\" must be a number from " +
                                             json(least).dump() + " to " + json(most).dump()};
  }
  return std::optional<double>{it->get<double>()};
}

std::string text(const json& wish, const char* name) {
  const auto it = wish.find(name);
  return it != wish.end() && it->is_string() ? it->get<std::string>() : std::string();
}

Duration milliseconds(double ms) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(ms));
}

}  // namespace

result<void> Faults::read(std::string_view kind, const json& wish, Fault& fault) {
  const auto ms = number(wish, "ms", 0, 600'000), rate = number(wish, "rate", 0.001, 1e9),
             probability = number(wish, "probability", 0, 1), next = number(wish, "next", 1, 1e9),
             larger = number(wish, "payload_larger_than", 0, 1e9),
             reason = number(wish, "reason", 0x80, 0xff), status = number(wish, "status", 400, 599);
  for (const auto* value : {&ms, &rate, &probability, &next, &larger, &reason, &status}) {
    if (!*value) return value->error();
  }
  if ((kind == "delay-puback" || kind == "slow-tls" || effect_of(kind) == "slow") && !*ms)
    return Error{errc::invalid_argument, "\"ms\" is missing"};
  if (kind == "throttle" && !*rate)
    return Error{errc::invalid_argument, "\"rate\" is missing (publishes per second)"};
  fault.delay = milliseconds(ms->value_or(0));
  fault.rate = rate->value_or(0);
  if (*rate) fault.bucket.emplace(**rate, std::max(1.0, **rate));
  fault.status = static_cast<unsigned>(status->value_or(500));
  fault.probability = probability->value_or(1);
  if (*next) fault.count = static_cast<std::uint64_t>(**next);
  if (*larger) fault.larger_than = static_cast<std::size_t>(**larger);
  fault.reason =
      kind == "refuse-connect" ? mqtt::Reason::server_unavailable : mqtt::Reason::unspecified_error;
  if (*reason) fault.reason = static_cast<mqtt::Reason>(static_cast<std::uint8_t>(**reason));
  fault.delayed = text(wish, "mode") == "delay";
  fault.abrupt = wish.value("abrupt", json()) == true;
  fault.client = text(wish, "client");
  fault.topic = text(wish, "topic");
  fault.containing = text(wish, "payload_contains");
  if (!fault.topic.empty() && !mqtt::valid_topic_filter(fault.topic)) {
    return Error{errc::invalid_argument, "\"topic\" is not an MQTT topic filter"};
  }
  if (kind == "close-on" && fault.topic.empty() && fault.containing.empty() && !fault.larger_than) {
    return Error{errc::invalid_argument,
                 "close-on needs at least one of \"topic\", \"payload_larger_than\", \"payload_contains\""};
  }
  return {};
}

result<void> Faults::set(const json& wish) {
  const std::string kind = wish.is_object() ? text(wish, "kind") : std::string();
  if (!known_kind(kind)) {
    std::string known;
    for (const auto k : kKinds) known += std::string(k) + ", ";
    return Error{errc::invalid_argument, "unknown fault \"" + kind + "\"; known: " + known +
                                             "disconnect, and {control,cvm,credentials,fleet}-"
                                             "{outage,throttle,slow,error,lose-answer}"};
  }
  Fault fault;
  if (auto done = read(kind, wish, fault); !done) return done;
  const auto seconds = number(wish, "seconds", 0, 86'400);
  if (!seconds) return seconds.error();
  if (*seconds) fault.until = clock_.now() + milliseconds(**seconds * 1000);
  faults_[kind] = std::move(fault);
  arm();
  if (changed_) changed_();
  return {};
}

void Faults::clear() {
  faults_.clear();
  expiry_.cancel();
  if (changed_) changed_();
}

void Faults::clear(std::string_view kind) {
  const auto it = faults_.find(kind);
  if (it == faults_.end()) return;
  faults_.erase(it);
  arm();
  if (changed_) changed_();
}

json Faults::describe() const {
  json list = json::array();
  for (const auto& [kind, fault] : faults_) {
    json entry = {{"kind", kind}};
    if (fault.until)
      entry["seconds_left"] = std::chrono::duration<double>(*fault.until - clock_.now()).count();
    if (fault.count) entry["left"] = *fault.count;
    list.push_back(std::move(entry));
  }
  return list;
}

const Faults::Fault* Faults::find(std::string_view kind) const {
  if (faults_.empty()) return nullptr;
  const auto it = faults_.find(kind);
  return it == faults_.end() || it->second.count == 0 ? nullptr : &it->second;
}

bool Faults::strikes(std::string_view kind, Fault& fault) {
  if (fault.count == 0) return false;
  // A fraction of the generator's range, the same on every standard library.
  const double dice = static_cast<double>(random_() >> 11) * 0x1.0p-53;
  if (fault.probability < 1 && dice >= fault.probability) return false;
  if (fault.count && --*fault.count == 0) faults_.erase(faults_.find(kind));
  return true;
}

std::optional<Faults::Throttle> Faults::throttle() const {
  const auto* fault = find("throttle");
  return fault == nullptr ? std::nullopt : std::optional(Throttle{fault->rate, fault->delayed});
}

Duration Faults::puback_delay() const {
  const auto* fault = find("delay-puback");
  return fault == nullptr ? Duration::zero() : fault->delay;
}

Duration Faults::tls_delay() const {
  const auto* fault = find("slow-tls");
  return fault == nullptr ? Duration::zero() : fault->delay;
}

bool Faults::lose_puback() {
  if (faults_.empty()) return false;
  const auto it = faults_.find("lose-puback");
  return it != faults_.end() && strikes(it->first, it->second);
}

std::optional<mqtt::Reason> Faults::refuse_connect(std::string_view client_id) {
  const auto it = faults_.find("refuse-connect");
  if (it == faults_.end() || (!it->second.client.empty() && it->second.client != client_id))
    return std::nullopt;
  const auto reason = it->second.reason;
  return strikes("refuse-connect", it->second) ? std::optional(reason) : std::nullopt;
}

std::optional<Faults::Closing> Faults::close_on(std::string_view topic, std::string_view payload) {
  if (faults_.empty()) return std::nullopt;
  const auto it = faults_.find("close-on");
  if (it == faults_.end()) return std::nullopt;
  Fault& fault = it->second;
  if (!fault.topic.empty() && !mqtt::topic_matches(fault.topic, topic)) return std::nullopt;
  if (fault.larger_than && payload.size() <= *fault.larger_than) return std::nullopt;
  if (!fault.containing.empty() && payload.find(fault.containing) == std::string_view::npos)
    return std::nullopt;
  const Closing closing{fault.reason, fault.abrupt};
  return strikes("close-on", fault) ? std::optional(closing) : std::nullopt;
}

bool Faults::service_outage(std::string_view service) const {
  return !faults_.empty() && find(std::string(service) + "-outage") != nullptr;
}

std::optional<Faults::Fault> Faults::strike(std::string_view service, std::string_view effect) {
  const auto it = faults_.find(std::string(service) + "-" + std::string(effect));
  if (it == faults_.end()) return std::nullopt;
  Fault& fault = it->second;
  if (fault.bucket && fault.bucket->take(1, clock_.now())) return std::nullopt;  // within the rate
  Fault copy = fault;
  return strikes(it->first, fault) ? std::optional(std::move(copy)) : std::nullopt;
}

Faults::ServiceTrouble Faults::trouble(std::string_view service) {
  ServiceTrouble trouble;
  if (faults_.empty()) return trouble;
  if (const auto slow = strike(service, "slow")) trouble.delay = slow->delay;
  trouble.throttled = strike(service, "throttle").has_value();
  if (trouble.throttled) return trouble;
  if (const auto error = strike(service, "error")) {
    trouble.status = error->status;
    return trouble;
  }
  trouble.lost = strike(service, "lose-answer").has_value();
  return trouble;
}

void Faults::expire() {
  const auto now = clock_.now();
  const auto gone =
      std::erase_if(faults_, [now](const auto& f) { return f.second.until && *f.second.until <= now; });
  arm();
  if (gone > 0 && changed_) changed_();
}

void Faults::arm() {
  std::optional<MonoTime> first;
  for (const auto& [kind, fault] : faults_) {
    if (fault.until && (!first || *fault.until < *first)) first = fault.until;
  }
  expiry_.cancel();
  if (first) expiry_.start(std::max(*first - clock_.now(), Duration::zero()), [this] { expire(); });
}

}  // namespace sluice::cloud
