// Any bytes as a config: no crash, no hang, bounded reports; and what is accepted means the same when it is
// written out and read again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::config;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto parsed = parse_config(text, "fuzz.yaml");
  if (parsed.problems.size() > 100 || parsed.warnings.size() > 100) std::abort();
  format_problems("fuzz.yaml", parsed.problems);
  if (!parsed.problems.empty()) return 0;
  auto options = parsed.options;
  for (auto& device : options.devices) device.token_hash.clear();  // is not written out
  const auto shown = effective_config_yaml(options);
  const auto again = parse_config(shown, "fuzz.yaml");
  for (const auto& problem : again.problems) {
    if (problem.text.find("prove who it is") == std::string::npos) std::abort();
  }
  if (effective_config_yaml(again.options) != shown) std::abort();
  return 0;
}
