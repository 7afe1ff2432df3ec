// adapters: what runs beside the daemon, and the check of what is theirs in the configuration.
#include <fmt/format.h>

#include <set>

#include "commands.hpp"
#include "config/adapter_section.hpp"
#include "device/adapter_describe.hpp"
#include "json_fields.hpp"
#include "table.hpp"

namespace sluice::ctl {

using Json = nlohmann::json;

namespace {

// The versions of its devices, each once: `1.0.0, 1.1.0, …`.
std::string firmware_of(const Json& devices) {
  constexpr std::size_t kMost = 2;
  std::set<std::string> versions;
  for (const auto& device : devices) versions.insert(text_of(device, "firmware"));
  versions.erase("");
  std::string text;
  std::size_t shown = 0;
  for (const auto& version : versions) {
    if (shown++ == kMost) return text + ", …";
    text += (text.empty() ? "" : ", ") + version;
  }
  return text;
}

}  // namespace

std::string adapters_text(const Json& adapters) {
  Table table({{"adapter"},
               {"kind"},
               {"state"},
               {"devices", Table::Align::right},
               {"firmware"},
               {"readings", Table::Align::right},
               {"starts", Table::Align::right},
               {"memory", Table::Align::right},
               {"cpu", Table::Align::right},
               {"since"}});
  std::string troubles;
  for (const auto& adapter : adapters) {
    const auto memory = static_cast<std::uint64_t>(number_of(adapter, "memory"));
    table.add({text_of(adapter, "name"), text_of(adapter, "kind"), text_of(adapter, "state"),
               std::to_string(array_of(adapter, "devices").size()), firmware_of(array_of(adapter, "devices")),
               count_of(adapter, "published"), count_of(adapter, "starts"),
               memory == 0 ? "" : bytes_in_words(memory),
               fmt::format("{:.0f} %", 100 * number_of(adapter, "cpu_share")),
               duration_in_words(number_of(adapter, "since_s"))});
    for (const auto* what : {"trouble", "sandbox_missing"}) {
      const auto text = text_of(adapter, what);
      if (!text.empty())
        troubles += printable(fmt::format("  ! {}: {}", text_of(adapter, "name"), text)) + "\n";
    }
  }
  return table.empty() ? "no adapters: see docs/adapters.md\n" : table.text() + troubles;
}

int run_adapters(Context& context) {
  return ask_and_print(context, "adapters", Json::object(), adapters_text);
}

void check_adapters(const Options& options, std::vector<config::Problem>& problems) {
  config::plan_adapters(
      options,
      [&options](const std::string& kind) {
        return device::describe_adapter(options.adapters_directory, kind);
      },
      problems);
}

}  // namespace sluice::ctl
