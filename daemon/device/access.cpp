#include "device/access.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "mqtt/topic.hpp"

namespace sluice::device {
namespace {

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

result<std::vector<std::string>> expand(const std::vector<std::string>& patterns,
                                        const ProductOptions& product, std::string_view device) {
  std::vector<std::string> filters;
  for (const auto& pattern : patterns) {
    std::string filter = pattern;
    replace_all(filter, "{product}", product.name);
    replace_all(filter, "{device}", device);
    if (filter.find('{') != filter.npos || !mqtt::valid_topic_filter(filter)) {
      return Error{
          errc::invalid_argument,
          fmt::format("product {}: `{}` is not a topic filter; allowed are MQTT filters with {{device}} and "
                      "{{product}}",
                      product.name, pattern)};
    }
    filters.push_back(std::move(filter));
  }
  return filters;
}

}  // namespace

bool valid_device_id(std::string_view id) {
  if (id.empty() || id.size() > 128) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' ||
           c == '_' || c == '-';
  });
}

bool filter_covers(std::string_view allowed, std::string_view requested) {
  mqtt::Levels left(allowed), right(requested);
  std::string_view a, r;
  for (bool first = true;; first = false) {
    const bool has_a = left.next(a), has_r = right.next(r);
    if (!has_a) return !has_r;
    // 4.7.2: a wildcard at the first level does not reach topics that begin with $.
    if (first && (a == "#" || a == "+") && r.starts_with('$')) return false;
    if (a == "#") return true;  // also when `requested` ends here: `a/#` matches `a`
    if (!has_r || r == "#") return false;
    if (a != "+" && a != r) return false;
  }
}

result<Access> Access::make(const ProductOptions& product, std::string_view device) {
  if (!valid_device_id(product.name) || !valid_device_id(device)) {
    return Error{errc::invalid_argument,
                 fmt::format("product `{}`, device `{}`: allowed are 1 to 128 of A-Z a-z 0-9 : _ -",
                             product.name, device)};
  }
  Access access;
  auto publish = expand(product.may_publish, product, device);
  if (!publish) return publish.error();
  auto subscribe = expand(product.may_subscribe, product, device);
  if (!subscribe) return subscribe.error();
  access.publish_ = std::move(*publish);
  access.subscribe_ = std::move(*subscribe);
  return access;
}

bool Access::may_publish(std::string_view topic) const {
  return std::any_of(publish_.begin(), publish_.end(),
                     [topic](const auto& filter) { return mqtt::topic_matches(filter, topic); });
}

bool Access::may_subscribe(std::string_view filter) const {
  if (filter.starts_with("$share/")) {
    const auto shared = mqtt::split_shared(filter);
    if (!shared) return false;
    filter = shared->filter;
  }
  return std::any_of(subscribe_.begin(), subscribe_.end(),
                     [filter](const auto& allowed) { return filter_covers(allowed, filter); });
}

bool Access::may_receive(std::string_view topic) const {
  return std::any_of(subscribe_.begin(), subscribe_.end(),
                     [topic](const auto& filter) { return mqtt::topic_matches(filter, topic); });
}

}  // namespace sluice::device
