#include <algorithm>
#include <set>

#include "config/reader.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t kMaxAdapters = 100;

}  // namespace

// Without running them: names, products, what the gateway can check alone.
void check_adapters(const Options& options, Findings& findings) {
  if (options.adapters.size() > kMaxAdapters) {
    findings.problem("adapters", "found " + std::to_string(options.adapters.size()) + ", allowed: at most " +
                                     std::to_string(kMaxAdapters));
    return;
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < options.adapters.size(); ++i) {
    const auto& adapter = options.adapters[i];
    const auto key = "adapters[" + std::to_string(i) + "]";
    if (!adapter.name.empty() && !names.insert(adapter.name).second)
      findings.problem(key + ".name", "is there twice: '" + adapter.name + "'");
    if (adapter.product.empty()) continue;
    std::vector<std::string_view> known;
    known.reserve(options.products.size());
    for (const auto& product : options.products) known.push_back(product.name);
    if (std::find(known.begin(), known.end(), adapter.product) == known.end()) {
      findings.problem(key + ".product", "no product '" + adapter.product + "' in devices.products" +
                                             did_you_mean(adapter.product, known));
    }
  }
}

}  // namespace sluice::config
