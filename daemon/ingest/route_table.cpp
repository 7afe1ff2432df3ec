#include "ingest/route_table.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "aws/limits.hpp"
#include "mqtt/topic.hpp"

namespace sluice::ingest {
namespace {

using Action = RouteOptions::Action;

store::StoreSeconds whole_seconds(Duration ttl) {
  if (ttl <= Duration::zero()) return store::kNever;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(ttl).count();
  return static_cast<store::StoreSeconds>(
      std::min<std::int64_t>(seconds, std::numeric_limits<store::StoreSeconds>::max()));
}

Route make_route(const RouteOptions& options, store::Store& store) {
  Route route;
  route.options = options;
  if (route.options.name.empty()) route.options.name = options.match;
  route.name = store.name_id(route.options.name);
  route.ttl = whole_seconds(options.ttl);
  if (!options.rule.empty()) route.prefix = "$aws/rules/" + options.rule + "/";
  if (options.action == Action::to) {
    auto parsed = TopicTemplate::parse(options.to, kRoutePlaceholders, wildcard_count(options.match));
    if (parsed) {
      route.to = std::move(*parsed);
    } else {
      route.trouble = "route " + route.options.name + ": " + parsed.error().text;
    }
  }
  return route;
}

// Such an id would reach into other topics.
bool one_level(std::string_view id) {
  return !id.empty() && id.find_first_of("/+#") == std::string_view::npos;
}

}  // namespace

RouteTable::RouteTable(const Options& options, store::Store& store, const RouteTable* before)
    : gateway_(options.thing) {
  routes_.reserve(options.routes.size());
  for (const auto& wanted : options.routes) {
    auto route = make_route(wanted, store);
    if (before != nullptr) {
      const auto same = std::find_if(before->routes_.begin(), before->routes_.end(),
                                     [&](const Route& r) { return r.options.name == route.options.name; });
      if (same != before->routes_.end()) route.counters = same->counters;
    }
    if (!route.counters) route.counters = std::make_shared<Counters>();
    routes_.push_back(std::move(route));
  }
}

void RouteTable::decide(const DeviceRef& device, std::string_view topic, Decision& decision) const {
  decision.topic.clear();
  decision.problem.clear();
  const auto found = std::find_if(routes_.begin(), routes_.end(), [&](const Route& route) {
    return mqtt::topic_matches(route.options.match, topic);
  });
  decision.route = found == routes_.end() ? nullptr : &*found;
  if (decision.route == nullptr || found->options.action != Action::to) return;

  std::array<std::string_view, kMaxWildcards> levels{};
  capture_wildcards(found->options.match, topic, levels);
  decision.topic = found->prefix;
  found->to.render(std::array<std::string_view, 4>{device.id, device.product, gateway_, topic}, levels,
                   decision.topic);
  if (!found->trouble.empty()) {
    decision.problem = found->trouble;
  } else if (!one_level(device.id)) {
    decision.problem = "a device id that is empty or has / + or # in it";
  } else if (auto wrong = aws::publish_problem(decision.topic, 0)) {
    decision.problem = std::move(*wrong);
  } else if (!mqtt::valid_topic_name(decision.topic)) {
    decision.problem = "not a topic name: " + decision.topic;
  }
}

}  // namespace sluice::ingest
