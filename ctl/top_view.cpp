#include "top_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "commands.hpp"
#include "json_fields.hpp"
#include "table.hpp"

namespace sluice::ctl {
namespace {

using Json = nlohmann::json;
using Align = Table::Align;

constexpr std::size_t kSparkline = 60, kMostDevices = 8, kMostProducts = 12, kMostLedgerRows = 5,
                      kMostLanes = 5;

const Json& rows_of(const Json& devices) {
  return devices.is_object() ? array_of(devices, "devices") : devices;
}

std::string bytes_of(const Json& object, const char* key) {
  return bytes_in_words(static_cast<std::uint64_t>(number_of(object, key)));
}

}  // namespace

std::string sparkline(const std::deque<double>& values) {
  constexpr std::array kHeights = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const double most = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
  std::string line;
  for (const auto value : values) {
    line += kHeights.at(most <= 0 ? 0 : static_cast<std::size_t>(std::lround(value / most * 7)));
  }
  return line;
}

void TopView::take(Sample sample) {
  const auto seconds = std::chrono::duration<double>(sample.at - now_.at).count();
  const auto before = object_of(now_.status, "totals"), after = object_of(sample.status, "totals");
  // A daemon that was started anew may count from elsewhere: no negative rates.
  const auto rate = [&](double was, double is) {
    return seconds > 0 ? std::max(0.0, (is - was) / seconds) : 0.0;
  };
  if (any_) {
    rates_.accepted = rate(number_of(before, "accepted"), number_of(after, "accepted"));
    rates_.delivered = rate(number_of(before, "delivered"), number_of(after, "delivered"));
    std::map<std::string, double> counts;
    for (const auto& device : rows_of(now_.devices))
      counts[text_of(device, "id")] = number_of(device, "readings");
    device_rates_.clear();
    for (const auto& device : rows_of(sample.devices)) {
      const auto id = text_of(device, "id");
      if (const auto was = counts.find(id); was != counts.end()) {
        device_rates_[id] = rate(was->second, number_of(device, "readings"));
      }
    }
  } else {
    // Until there are two samples the daemon's own average has to do.
    const auto rates = object_of(sample.status, "rates");
    rates_ = {number_of(rates, "accepted_per_s"), number_of(rates, "delivered_per_s")};
  }
  queue_.push_back(number_of(after, "queued"));
  if (queue_.size() > kSparkline) queue_.pop_front();
  now_ = std::move(sample);
  trouble_.clear();
  any_ = true;
}

std::string TopView::line() const {
  if (!any_) return trouble_;
  const auto totals = object_of(now_.status, "totals"), devices = object_of(now_.status, "devices");
  const auto equation = object_of(now_.ledger, "equation");
  const auto line = fmt::format("in {:>8}  out {:>8}  queued {:>9}  delivered {:>11}  ledger {}  devices {}",
                                rate_in_words(rates_.accepted), rate_in_words(rates_.delivered),
                                count_of(totals, "queued", "0"), count_of(totals, "delivered", "0"),
                                count_of(equation, "ledger", "0"), count_of(devices, "connected", "0"));
  return line;
}

std::vector<std::string> TopView::troubles() const {
  auto lines = troubles_in_words(now_.status);
  if (any_ && !trouble_.empty()) lines.push_back(trouble_);
  return lines;
}

double TopView::rate_of(const Json& device) const {
  const auto it = device_rates_.find(text_of(device, "id"));
  return it == device_rates_.end() ? 0.0 : it->second;
}

std::string TopView::devices_part() const {
  const auto& devices = rows_of(now_.devices);
  if (devices.size() > kMostDevices) return products_part(devices);
  std::vector<const Json*> rows;
  for (const auto& device : devices) rows.push_back(&device);
  std::sort(rows.begin(), rows.end(), [&](const Json* a, const Json* b) {
    return std::pair(-rate_of(*a), text_of(*a, "id")) < std::pair(-rate_of(*b), text_of(*b, "id"));
  });
  Table table({{"device"}, {"product"}, {"state"}, {"rate", Align::right}, {"readings", Align::right}});
  for (const auto* device : rows) {
    table.add({text_of(*device, "id"), text_of(*device, "product"),
               device->value("connected", false) ? "connected" : "away", rate_in_words(rate_of(*device)),
               count_of(*device, "readings")});
  }
  return table.empty() ? "" : "\n" + table.text();
}

std::string TopView::products_part(const Json& devices) const {
  struct Sum {
    std::uint64_t devices = 0, connected = 0;
    double rate = 0, readings = 0;
  };
  std::map<std::pair<std::string, std::string>, Sum> sums;  // product, adapter
  for (const auto& device : devices) {
    auto& sum = sums[{text_of(device, "product"), text_of(device, "adapter")}];
    ++sum.devices;
    if (device.value("connected", false)) ++sum.connected;
    sum.rate += rate_of(device);
    sum.readings += number_of(device, "readings");
  }
  Table table({{"product"},
               {"by"},
               {"devices", Align::right},
               {"connected", Align::right},
               {"rate", Align::right},
               {"readings", Align::right}});
  std::size_t more = 0;
  for (const auto& [name, sum] : sums) {
    if (more++ >= kMostProducts) continue;
    table.add({name.first, name.second.empty() ? "itself" : name.second, in_words(sum.devices),
               in_words(sum.connected), rate_in_words(sum.rate),
               in_words(static_cast<std::uint64_t>(sum.readings))});
  }
  if (table.empty()) return "";
  return "\n" + table.text() +
         (more > kMostProducts ? fmt::format("and {} more\n", more - kMostProducts) : "");
}

std::string TopView::ledger_part() const {
  std::map<std::string, std::pair<double, double>> reasons;  // count, bytes
  for (const auto& row : array_of(now_.ledger, "rows")) {
    auto& sum = reasons[text_of(row, "reason")];
    sum.first += number_of(row, "count");
    sum.second += number_of(row, "bytes");
  }
  Table table({{"ledger"}, {"readings", Align::right}, {"size", Align::right}});
  std::size_t shown = 0;
  for (const auto& [reason, sum] : reasons) {
    if (++shown > kMostLedgerRows) break;
    table.add({reason, in_words(static_cast<std::uint64_t>(sum.first)),
               bytes_in_words(static_cast<std::uint64_t>(sum.second))});
  }
  return table.empty() ? "" : "\n" + table.text();
}

std::string TopView::screen(int columns) const {
  std::string text;
  if (!any_) return trouble_.empty() ? text : fmt::format("! {}\n", trouble_);
  const auto totals = object_of(now_.status, "totals"), store = object_of(now_.status, "store");
  const auto devices = object_of(now_.status, "devices"), equation = object_of(now_.ledger, "equation");
  text +=
      fmt::format("{}  {}  up {}  devices {}/{}  memory {}\n",
                  printable(text_of(now_.status, "thing", "gateway")), text_of(now_.status, "state"),
                  duration_in_words(number_of(now_.status, "uptime_s")), count_of(devices, "connected", "0"),
                  count_of(devices, "known", "0"), bytes_of(now_.status, "memory_rss"));
  if (const auto identities = identities_in_words(now_.status); !identities.empty()) {
    text += fmt::format("identities {}\n", identities);
  }
  for (const auto& trouble : troubles()) text += fmt::format("! {}\n", trouble);
  text += fmt::format("\n  in {:>9}   accepted  {:>13}\n out {:>9}   delivered {:>13}\n",
                      rate_in_words(rates_.accepted), count_of(totals, "accepted", "0"),
                      rate_in_words(rates_.delivered), count_of(totals, "delivered", "0"));
  text += fmt::format("queue {:>8}   {:>10}  commit p50 {:.1f} ms, p99 {:.1f} ms\n",
                      count_of(totals, "queued", "0"), bytes_of(totals, "queued_bytes"),
                      number_of(store, "commit_ms_p50"), number_of(store, "commit_ms_p99"));
  auto shown = queue_;
  while (shown.size() > static_cast<std::size_t>(std::max(columns - 2, 1))) shown.pop_front();
  text += "      " + sparkline(shown) + "\n";
  text += fmt::format("ledger {} left by a policy; accepted = delivered + queued + ledger {}\n",
                      count_of(equation, "ledger", "0"),
                      equation.value("holds", false) ? "holds" : "DOES NOT HOLD");
  Table lanes(
      {{"lane"}, {"state"}, {"queued", Align::right}, {"out", Align::right}, {"in flight", Align::right}});
  std::size_t more = 0;
  for (const auto& lane : array_of(now_.status, "lanes")) {
    if (more++ >= kMostLanes) continue;
    lanes.add({text_of(lane, "thing"), text_of(lane, "state"), count_of(lane, "queued"),
               rate_in_words(number_of(lane, "delivered_per_s")), count_of(lane, "in_flight")});
  }
  if (!lanes.empty()) text += "\n" + lanes.text();
  if (more > kMostLanes) text += fmt::format("and {} more\n", more - kMostLanes);
  return text + ledger_part() + devices_part();
}

}  // namespace sluice::ctl
