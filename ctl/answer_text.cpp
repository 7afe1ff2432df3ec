// The daemon's answers in a person's words. Fields that an older or newer daemon does not send are left out.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "json_fields.hpp"
#include "table.hpp"
#include "words.hpp"

namespace sluice::ctl {
namespace {

using Json = nlohmann::json;
using Align = Table::Align;

// A gateway may have ten thousand lanes: those that are not connected first, and a few of the others.
std::string lanes_text(const Json& lanes) {
  constexpr std::size_t kMost = 12;
  Table table(
      {{"lane"}, {"state"}, {"queued", Align::right}, {"out", Align::right}, {"in flight", Align::right}});
  std::size_t shown = 0;
  for (const bool connected : {false, true}) {
    for (const auto& lane : lanes) {
      if ((text_of(lane, "state") == "connected") != connected || ++shown > kMost) continue;
      table.add({text_of(lane, "thing"), text_of(lane, "state"), count_of(lane, "queued"),
                 rate_in_words(number_of(lane, "delivered_per_s")), count_of(lane, "in_flight")});
    }
  }
  if (table.empty()) return {};
  auto text = "\n" + table.text();
  if (shown > kMost) text += fmt::format("and {} more\n", in_words(shown - kMost));
  return text;
}

std::string listeners_text(const Json& listeners) {
  Table table({{"listener"}, {"connections", Align::right}, {"trouble"}});
  for (const auto& listener : listeners) {
    table.add({text_of(listener, "name"), count_of(listener, "connections"), text_of(listener, "trouble")});
  }
  return table.empty() ? "" : "\n" + table.text();
}

}  // namespace

std::vector<std::string> troubles_in_words(const Json& status) {
  // A cloud that is away is the same trouble for every lane: said once.
  std::vector<std::pair<std::string, std::vector<std::string>>> by_text;
  for (const auto& trouble : array_of(status, "troubles")) {
    const auto text = text_of(trouble, "text");
    const auto same = std::ranges::find(by_text, text, [](const auto& entry) { return entry.first; });
    (same == by_text.end() ? by_text.emplace_back(text, std::vector<std::string>{}) : *same)
        .second.push_back(text_of(trouble, "part"));
  }
  std::vector<std::string> lines;
  for (const auto& [text, parts] : by_text) {
    const auto more = parts.size() > 1 ? fmt::format(" and {} more", in_words(parts.size() - 1)) : "";
    lines.push_back(printable(fmt::format("{}{}: {}", parts[0], more, text)));
  }
  return lines;
}

std::string identities_in_words(const Json& status) {
  const auto identity = object_of(status, "identity"), counts = object_of(identity, "counts");
  std::string text;
  for (const auto& [state, count] : counts.items()) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ",
                        in_words(count.is_number() ? count.get<std::uint64_t>() : 0), printable(state));
  }
  const auto own = text_of(object_of(identity, "gateway"), "state");
  if (own.empty() && text.empty()) return {};
  return fmt::format("gateway {}, devices: {}, by {}", own.empty() ? "none" : own,
                     text.empty() ? "none" : text, text_of(identity, "method"));
}

std::string status_text(const Json& status) {
  const auto totals = object_of(status, "totals");
  const auto rates = object_of(status, "rates");
  const auto store = object_of(status, "store");
  const auto devices = object_of(status, "devices");
  std::string text =
      fmt::format("{}: {}, sluiced {}, up {}\n", printable(text_of(status, "thing", "gateway")),
                  text_of(status, "state", "unknown"), text_of(status, "version", "?"),
                  duration_in_words(number_of(status, "uptime_s")));
  for (const auto& trouble : troubles_in_words(status)) text += fmt::format("  ! {}\n", trouble);
  text += fmt::format("\nreadings  in {:>10}   {:>15} accepted\n",
                      rate_in_words(number_of(rates, "accepted_per_s")), count_of(totals, "accepted"));
  text += fmt::format("         out {:>10}   {:>15} delivered\n",
                      rate_in_words(number_of(rates, "delivered_per_s")), count_of(totals, "delivered"));
  text += fmt::format("      queued {:>10}   {:>15} readings\n",
                      bytes_in_words(static_cast<std::uint64_t>(number_of(totals, "queued_bytes"))),
                      count_of(totals, "queued"));
  if (number_of(totals, "dead_letters") > 0) {
    text += fmt::format("dead letters {} (sluicectl dead-letters)\n", count_of(totals, "dead_letters"));
  }
  if (const auto unrouted = object_of(object_of(status, "routes"), "unrouted");
      number_of(unrouted, "matched") > 0) {
    text +=
        fmt::format("no route   {} readings matched none and stayed here\n", count_of(unrouted, "matched"));
  }
  text += fmt::format("\nstore     {}, a commit takes {:.1f} ms (p99 {:.1f} ms)\n",
                      store.value("writable", true) ? "writable" : "NOT WRITABLE: nothing is acknowledged",
                      number_of(store, "commit_ms_p50"), number_of(store, "commit_ms_p99"));
  text += fmt::format("devices   {} connected, {} known\n", count_of(devices, "connected", "0"),
                      count_of(devices, "known", "0"));
  if (const auto identities = identities_in_words(status); !identities.empty()) {
    text += fmt::format("identities {}\n", identities);
  }
  text += fmt::format("memory    {}\n",
                      bytes_in_words(static_cast<std::uint64_t>(number_of(status, "memory_rss"))));
  return text + listeners_text(array_of(status, "listeners")) + lanes_text(array_of(status, "lanes"));
}

std::string queue_text(const Json& queue) {
  const auto queued = static_cast<std::uint64_t>(number_of(queue, "queued"));
  const auto bytes = static_cast<std::uint64_t>(number_of(queue, "queued_bytes"));
  const auto most = static_cast<std::uint64_t>(number_of(queue, "max_bytes"));
  std::string text;
  if (queued == 0) {
    text = "nothing waits: the cloud has everything\n";
  } else {
    Table table({{"thing"},
                 {"priority", Align::right},
                 {"readings", Align::right},
                 {"size", Align::right},
                 {"oldest"}});
    for (const auto& depth : array_of(queue, "depths")) {
      if (number_of(depth, "count") <= 0) continue;
      table.add({text_of(depth, "thing", count_of(depth, "lane")), count_of(depth, "priority"),
                 count_of(depth, "count"),
                 bytes_in_words(static_cast<std::uint64_t>(number_of(depth, "bytes"))),
                 depth.contains("oldest_ms")
                     ? time_in_words(static_cast<std::int64_t>(number_of(depth, "oldest_ms")))
                     : ""});
    }
    text = table.text() + fmt::format("\n{} readings, {}", in_words(queued), bytes_in_words(bytes));
    if (most > 0)
      text += fmt::format(" of {} ({:.0f} %)", bytes_in_words(most),
                          100.0 * static_cast<double>(bytes) / static_cast<double>(most));
    text += '\n';
  }
  if (queue.contains("buffer_lasts_s") && queue["buffer_lasts_s"].is_number()) {
    text += fmt::format("at today's rate the buffer lasts {} without the cloud\n",
                        duration_in_words(number_of(queue, "buffer_lasts_s")));
  } else {
    text += "too little comes in now to say how long the buffer lasts\n";
  }
  return text;
}

std::string ledger_text(const Json& ledger) {
  const auto equation = object_of(ledger, "equation");
  Table table(
      {{"device"}, {"reason"}, {"readings", Align::right}, {"size", Align::right}, {"first"}, {"last"}});
  for (const auto& row : array_of(ledger, "rows")) {
    table.add({text_of(row, "device"), text_of(row, "reason"), count_of(row, "count"),
               bytes_in_words(static_cast<std::uint64_t>(number_of(row, "bytes"))),
               time_in_words(static_cast<std::int64_t>(number_of(row, "first_ms"))),
               time_in_words(static_cast<std::int64_t>(number_of(row, "last_ms")))});
  }
  std::string text =
      table.empty() ? "no reading has left the gateway without reaching the cloud\n" : table.text();
  text +=
      fmt::format("\naccepted {} = delivered {} + queued {} + ledger {}: {}\n",
                  count_of(equation, "accepted", "0"), count_of(equation, "delivered", "0"),
                  count_of(equation, "queued", "0"), count_of(equation, "ledger", "0"),
                  equation.value("holds", false) ? "it adds up" : "IT DOES NOT ADD UP: please report this");
  return text;
}

// "active, expires in 120 days", "refused: the provisioning service refuses ..."
std::string identity_in_words(const Json& device, WallTime now) {
  const auto identity = object_of(device, "identity");
  auto text = text_of(identity, "state");
  const auto error = text_of(identity, "error");
  if (!error.empty()) return (text + ": " + error).substr(0, 100);
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const auto left = number_of(identity, "expires_ms") - static_cast<double>(now_ms);
  // Those that AWS makes last until 2049: not worth a word.
  if (number_of(identity, "expires_ms") > 0 && left < 366.0 * 86'400'000)
    text += left > 0 ? ", expires in " + duration_in_words(left / 1000) : ", EXPIRED";
  return text;
}

std::string devices_text(const Json& devices, WallTime now) {
  Table table({{"device"},
               {"product"},
               {"state"},
               {"identity"},
               {"certificate"},
               {"thing"},
               {"protocol"},
               {"address"},
               {"readings", Align::right},
               {"waiting", Align::right},
               {"last seen"}});
  for (const auto& device : devices.is_object() ? array_of(devices, "devices") : devices) {
    const bool enabled = device.value("enabled", true);
    const bool connected = device.value("connected", false);
    const auto seen = static_cast<std::int64_t>(number_of(device, "last_seen_ms"));
    table.add({text_of(device, "id"), text_of(device, "product"),
               !enabled    ? "disabled"
               : connected ? "connected"
                           : "away",
               identity_in_words(device, now),
               text_of(object_of(device, "identity"), "certificate_id").substr(0, 12),
               text_of(device, "thing"), text_of(device, "protocol"), text_of(device, "address"),
               count_of(device, "readings"), count_of(device, "waiting"),
               seen > 0 ? ago_in_words(seen, now) : ""});
  }
  return table.empty() ? "no devices yet: sluicectl devices add ID --product P\n" : table.text();
}

std::string dead_letters_text(const Json& letters) {
  Table table({{"id", Align::right}, {"time"}, {"device"}, {"topic"}, {"size", Align::right}, {"reason"}});
  for (const auto& letter : letters) {
    table.add({count_of(letter, "id"), time_in_words(static_cast<std::int64_t>(number_of(letter, "time_ms"))),
               text_of(letter, "device"), text_of(letter, "topic"),
               bytes_in_words(static_cast<std::uint64_t>(number_of(letter, "bytes"))),
               text_of(letter, "reason")});
  }
  return table.empty() ? "no dead letters\n" : table.text();
}

}  // namespace sluice::ctl
