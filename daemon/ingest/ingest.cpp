#include "ingest/ingest.hpp"

#include <nlohmann/json.hpp>

#include "aws/limits.hpp"
#include "core/record_properties.hpp"
#include "ingest/decision_cache.hpp"
#include "ingest/filters.hpp"
#include "ingest/route_table.hpp"

namespace sluice::ingest {
namespace {

using Action = RouteOptions::Action;

constexpr Duration kLogEvery = 1min;  // for what a device can cause at any rate
constexpr std::size_t kLoggedTopic = 200;

// Says something at most once in kLogEvery, and how often it came meanwhile.
class Occasional {
 public:
  template <class Say>
  void say(MonoTime now, Say say) {
    ++since_;
    if (said_ && now - at_ < kLogEvery) return;
    said_ = true;
    at_ = now;
    say(std::exchange(since_, 0));
  }

 private:
  bool said_ = false;
  MonoTime at_{};
  std::uint64_t since_ = 0;
};

class RoutingIngest final : public Ingest {
 public:
  RoutingIngest(const Options& options, store::Store& store, Clock& clock, Log log)
      : store_(store),
        clock_(clock),
        log_(std::move(log)),
        table_(std::make_unique<RouteTable>(options, store, nullptr)) {
    compile_filters();
  }

  Offer offer(const DeviceRef& device, const Reading& reading) override {
    const auto& decision = cache_.get(*table_, device, reading.topic);
    if (decision.route == nullptr) return stay_unrouted(device, reading);
    const auto& route = *decision.route;
    auto& counters = *route.counters;
    ++counters.matched;
    counters.last_seen_ms = wall_ms();
    switch (route.options.action) {
      case Action::local:
        ++counters.local;
        return {.kind = Offer::Kind::local};
      case Action::drop: {
        ++counters.dropped;
        auto offer = end(device, reading);
        offer.deliver_locally = false;
        return offer;
      }
      case Action::to:
        break;
    }
    return send(device, reading, decision);
  }

  void replace_routes(const Options& options) override {
    auto next = std::make_unique<RouteTable>(options, store_, table_.get());
    table_ = std::move(next);
    cache_.clear();  // its decisions point into the old table
    filters_.clear();
    compile_filters();
  }

  nlohmann::json status() const override {
    auto routes = nlohmann::json::array();
    for (const auto& route : table_->routes()) {
      const auto& c = *route.counters;
      routes.push_back({{"name", route.options.name},
                        {"match", route.options.match},
                        {"matched", c.matched},
                        {"queued", c.queued},
                        {"local", c.local},
                        {"dropped", c.dropped},
                        {"filtered", c.filtered},
                        {"unfiltered", c.unfiltered},
                        {"poison", c.poison},
                        {"refused", c.refused},
                        {"last_seen_ms", c.last_seen_ms}});
    }
    return {{"routes", std::move(routes)},
            {"unrouted", {{"matched", unrouted_.matched}, {"last_seen_ms", unrouted_.last_seen_ms}}},
            {"cache", {{"hits", cache_.hits()}, {"misses", cache_.misses()}}},
            {"filters", {{"remembered", filters_.remembered()}}}};
  }

 private:
  Offer send(const DeviceRef& device, const Reading& reading, const Decision& decision) {
    const auto& route = *decision.route;
    encode_record_properties({reading.content_type, reading.user_properties}, properties_);
    const store::Append append{.lane = device.lane,
                               .priority = route.options.priority,
                               .device = device.name,
                               .route = route.name,
                               .ttl = route.ttl,
                               .topic = decision.topic,
                               .payload = reading.payload,
                               .properties = properties_};
    if (!decision.problem.empty()) return set_aside(append, reading, decision.problem, route);
    if (reading.payload.size() > aws::kMaxPayload) {
      const auto problem = aws::publish_problem(decision.topic, reading.payload.size());
      return set_aside(append, reading, problem.value_or("payload too large"), route);
    }

    const bool filtering = route.options.filter.kind != FilterOptions::Kind::none;
    if (filtering) {
      switch (filters_.judge(filter_of(route), device.name, reading.topic, reading.payload, clock_.now())) {
        case Verdict::hold:
          ++route.counters->filtered;
          return end(device, reading);
        case Verdict::unfiltered:
          ++route.counters->unfiltered;
          break;
        case Verdict::pass:
          break;
      }
    }
    const auto ticket = store_.append(append);
    if (!ticket) return refused(ticket.error(), reading, route);
    if (filtering) filters_.passed();
    ++route.counters->queued;
    return {.kind = Offer::Kind::queued, .ticket = *ticket};
  }

  // By policy: the ledger's row is durable before the device hears of it.
  Offer end(const DeviceRef& device, const Reading& reading) {
    store_.count(device.name, LedgerReason::filtered, reading.payload.size());
    return {.kind = Offer::Kind::ended, .ticket = store_.ticket()};
  }

  Offer set_aside(const store::Append& append, const Reading& reading, std::string_view why,
                  const Route& route) {
    const auto ticket = store_.append_dead_letter(append, why);
    if (!ticket) return refused(ticket.error(), reading, route);
    ++route.counters->poison;
    poison_log_.say(clock_.now(), [&](std::uint64_t n) {
      log_.warn("set aside as undeliverable: topic {}, {}; {} since the last such line",
                reading.topic.substr(0, kLoggedTopic), why.substr(0, kLoggedTopic), n);
    });
    return {.kind = Offer::Kind::ended, .ticket = *ticket};
  }

  // The store took nothing. Local subscribers need not suffer: a QoS 1 device that sends again makes a
  // duplicate, which QoS 1 allows; for QoS 2 they wait.
  Offer refused(const Error& error, const Reading& reading, const Route& route) {
    ++route.counters->refused;
    const bool is_full = error.code == errc::full;
    return {.kind = is_full ? Offer::Kind::full : Offer::Kind::unavailable,
            .deliver_locally = reading.qos < 2};
  }

  Offer stay_unrouted(const DeviceRef& device, const Reading& reading) {
    ++unrouted_.matched;
    unrouted_.last_seen_ms = wall_ms();
    unrouted_log_.say(clock_.now(), [&](std::uint64_t n) {
      log_.warn(
          "no route for topic {} of device {}: it stays here; {} such readings since the last such line",
          reading.topic.substr(0, kLoggedTopic), device.id.substr(0, kLoggedTopic), n);
    });
    return {.kind = Offer::Kind::local};
  }

  std::int64_t wall_ms() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.wall().time_since_epoch()).count();
  }

  const Filter& filter_of(const Route& route) const {
    return compiled_[static_cast<std::size_t>(&route - table_->routes().data())];
  }
  void compile_filters() {
    compiled_.clear();
    for (const auto& route : table_->routes()) {
      compiled_.push_back({route.options.filter, JsonPointer(route.options.filter.pointer)});
    }
  }

  store::Store& store_;
  Clock& clock_;
  Log log_;
  std::unique_ptr<RouteTable> table_;
  std::vector<Filter> compiled_;  // one for each route of table_
  DecisionCache cache_;
  Filters filters_;
  Counters unrouted_;
  Occasional unrouted_log_, poison_log_;
  std::string properties_;
};

}  // namespace

std::unique_ptr<Ingest> make_ingest(const Options& options, store::Store& store, Clock& clock, Log log) {
  return std::make_unique<RoutingIngest>(options, store, clock, std::move(log));
}

}  // namespace sluice::ingest
