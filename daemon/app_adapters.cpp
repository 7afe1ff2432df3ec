// Which adapters run: their executables are asked what they are (on a worker: they may take seconds), config
// holds the file against the answers, and the device room runs what is right.
#include <filesystem>

#include "app.hpp"
#include "config/adapter_section.hpp"
#include "config/config.hpp"
#include "core/workers.hpp"
#include "device/adapter_describe.hpp"
#include "device/device.hpp"

namespace sluice {
namespace {

struct Planned {
  std::vector<AdapterPlan> plans;
  std::vector<config::Problem> problems;
};

}  // namespace

void App::plan_adapters(const Options& options, PlannedAdapters done) {
  if (options.adapters.empty()) return done({}, {});
  if (!describers_) describers_ = std::make_unique<Workers>(loop_, 1, 4);
  auto planned = std::make_shared<Planned>();
  auto said = std::make_shared<PlannedAdapters>(std::move(done));
  const bool taken = describers_->submit(
      [options, planned] {
        const auto describe = [&options](const std::string& kind) {
          return device::describe_adapter(options.adapters_directory, kind);
        };
        planned->plans = config::plan_adapters(options, describe, planned->problems);
      },
      [said, planned] {
        (*said)(std::move(planned->plans), config::format_problems("", planned->problems));
      });
  if (!taken) (*said)({}, "adapters are being looked at already; try again");
}

// A mistake in an adapter's own keys, or a missing executable, is no reason to keep the other devices
// waiting: what is right runs, what is wrong is shown.
void App::start_adapters() {
  plan_adapters(options_, [this](std::vector<AdapterPlan> plans, const std::string& problems) {
    if (stopping_) return;
    if (!problems.empty()) log_.error("adapters: {}", problems);
    devices_->run_adapters(std::move(plans));
  });
}

}  // namespace sluice
