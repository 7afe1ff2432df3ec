#include "uplink/shared.hpp"

#include <charconv>
#include <string_view>

namespace sluice::uplink {

void Shared::use(const Options& options) {
  cloud = options.cloud;
  routes_.clear();
  by_name_.clear();
  known_.clear();
  priorities = 0;
  for (const auto& route : options.routes) {
    if (route.action != RouteOptions::Action::to) continue;
    priorities |= static_cast<PriorityMask>(1U << std::min<unsigned>(route.priority, kHighestPriority));
    if (route.batch.format != BatchOptions::Format::none) {
      routes_.push_back({route.name.empty() ? route.match : route.name, route.batch});
    }
  }
  if (priorities == 0) priorities = (1U << (kHighestPriority + 1)) - 1;
}

const BatchOptions* Shared::batching(NameId route) {
  if (routes_.empty()) return nullptr;
  if (route >= known_.size()) {
    known_.resize(route + 1);
    by_name_.resize(route + 1);
  }
  if (!known_[route]) {
    known_[route] = true;
    const auto name = store.name(route);
    for (const auto& candidate : routes_) {
      if (candidate.name == name) by_name_[route] = candidate.batch;
    }
  }
  return by_name_[route] ? &*by_name_[route] : nullptr;
}

result<void> parse_endpoint(const std::string& endpoint, LinkOptions& out) {
  const std::string_view text = endpoint;
  if (text.empty()) {
    return Error{errc::invalid_argument,
                 "cloud.endpoint is not set: nothing can be sent; readings wait on disk"};
  }
  out.port = 8883;
  const auto colon = text.rfind(':');
  const auto bracket = text.rfind(']');
  auto host = text;
  if (colon != std::string_view::npos &&
      (bracket == std::string_view::npos ? text.find(':') == colon : colon > bracket)) {
    host = text.substr(0, colon);
    const auto port = text.substr(colon + 1);
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (ec != std::errc{} || end != port.data() + port.size() || out.port == 0) {
      return Error{errc::invalid_argument, "cloud.endpoint " + endpoint + ": not a port after the colon"};
    }
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  out.host = host;
  return {};
}

}  // namespace sluice::uplink
