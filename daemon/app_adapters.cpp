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
    std::vector<AdapterOptions> unheard;
    for (const auto& plan : plans) {
      if (plan.again) unheard.push_back(plan.options);
    }
    devices_->run_adapters(std::move(plans));
    ask_again(std::move(unheard));
  });
}

// A machine that has just booted from a slow card is no reason to do without an adapter until somebody looks.
void App::ask_again(std::vector<AdapterOptions> unheard) {
  if (unheard.empty()) return;
  asking_again_->start(asking_.next(), [this, unheard = std::move(unheard)] {
    auto options = options_;
    options.adapters = unheard;
    plan_adapters(options,
                  [this, unheard, reloads = reloads_](std::vector<AdapterPlan> plans, const std::string&) {
                    if (stopping_ || reloads != reloads_) return;
                    if (plans.empty()) return ask_again(unheard);  // a reload is being looked at
                    std::vector<AdapterOptions> still;
                    for (auto& plan : plans) {
                      if (plan.again) {
                        log_.warn("adapter {}: {}; it is asked again", plan.options.name, plan.trouble);
                        still.push_back(plan.options);
                      } else {
                        devices_->run_adapter(std::move(plan));
                      }
                    }
                    ask_again(std::move(still));
                  });
  });
}

}  // namespace sluice
