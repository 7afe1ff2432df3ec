// What a function has around it, for tests: AWS IoT and a table in memory, a clock that stands still, one
// device.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "cloud/lambda/cvm/redemption.hpp"
#include "device/token_hash.hpp"
#include "tests/support/memory_device_table.hpp"
#include "tests/unit/lambda/fake_iot.hpp"

namespace sluice::lambda::test {

inline constexpr const char* kDevice = "thermo-1";
inline constexpr const char* kToken = "correct-horse-battery-staple";

// A table whose every call is a step that can be cut.
class CutTable final : public DeviceTable {
 public:
  explicit CutTable(Faults& faults) : faults_(faults) {}
  aws::result<std::optional<DeviceRecord>> find(std::string_view productid) override {
    return faults_.step([&] { return table_.find(productid); });
  }
  aws::result<bool> replace(const DeviceRecord& seen, const DeviceRecord& next) override {
    return faults_.step([&] { return table_.replace(seen, next); });
  }
  aws::result<void> put(const DeviceRecord& record) override { return table_.put(record); }

 private:
  Faults& faults_;
  MemoryDeviceTable table_;
};

struct World {
  World() { add(kDevice, "thermo"); }

  void add(const std::string& productid, const std::string& product) {
    DeviceRecord record;
    record.productid = productid;
    record.product = product;
    record.token_hash = device::hash_token(kToken, 10);  // cheap: tests check thousands
    (void)table.put(record);
  }
  DeviceRecord record(const std::string& productid = kDevice) { return **table.find(productid); }
  void change(const std::function<void(DeviceRecord&)>& how) {
    auto changed = record();
    how(changed);
    (void)table.put(changed);
  }
  cvm::Settings settings() const {
    cvm::Settings settings;
    settings.region = "eu-central-1";
    settings.policy = "devices";
    settings.root_ca = "-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n";
    settings.role_alias = "device-role";
    return settings;
  }
  Now clock() {
    return [this] { return std::chrono::sys_seconds(std::chrono::seconds(now)); };
  }
  // Collects what is logged; tests look for secrets in it.
  Log log() {
    return {std::make_shared<const Log::Sink>([this](Level, std::string_view, std::string_view line) {
              const std::scoped_lock lock(log_mutex);
              logged.append(line).append("\n");
            }),
            "test"};
  }

  std::int64_t now = 1'800'000'000;
  std::mutex log_mutex;
  std::string logged;
  Faults faults;
  FakeIot iot{faults};
  CutTable table{faults};
};

}  // namespace sluice::lambda::test
