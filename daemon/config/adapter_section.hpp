// What is an adapter's own in the config file: gathered as it stands there (by the reader), and later held
// against the schema that the adapter gives of itself with --describe (by app and sluicectl, which run it).
// Pure: starts nothing.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/findings.hpp"
#include "core/adapter_plan.hpp"
#include "core/options.hpp"

namespace sluice::config {

inline constexpr std::size_t kMaxDescription = 256 * 1024;

// A key of adapters[] that is not one of ours.
void add_to_section(const Entry& entry, const std::string& full_key, const std::filesystem::path& folder,
                    AdapterOptions& adapter, Findings& findings);

// The adapter as it is to be run: its section with typed values and defaults. Problems have the lines of the
// file; with one of them the plan is not to be run. `description` is what --describe printed.
AdapterPlan plan_adapter(const AdapterOptions& adapter, std::size_t index, std::string_view description,
                         std::vector<Problem>& problems);

// All adapters of the file; `describe` asks an executable. Those with a problem have it as their `trouble`,
// too.
using Describe = std::function<result<std::string>(const std::string& kind)>;
std::vector<AdapterPlan> plan_adapters(const Options& options, const Describe& describe,
                                       std::vector<Problem>& problems);

// The words of JSON Schema that docs/adapters.md names, with typed values made of text. `raw` has texts for
// scalars. Relative paths (x-sluice: device, file, executable) become absolute, from `folder`.
struct SectionProblem {
  std::string pointer, text;
};
result<void> check_schema(const nlohmann::json& schema);
nlohmann::json typed_section(const nlohmann::json& schema, const nlohmann::json& raw,
                             const std::filesystem::path& folder, std::vector<AdapterGrant>& grants,
                             std::vector<SectionProblem>& problems);

}  // namespace sluice::config
