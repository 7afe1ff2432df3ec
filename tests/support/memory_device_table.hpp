// The table of devices in memory, held to the contract of all tables (tests/contract/device_table). Used by
// the tests of the cloud's functions.
#pragma once

#include <map>
#include <mutex>

#include "cloud/lambda/device_table.hpp"

namespace sluice::lambda::test {

class MemoryDeviceTable final : public DeviceTable {
 public:
  aws::result<std::optional<DeviceRecord>> find(std::string_view productid) override {
    const std::scoped_lock lock(mutex_);
    const auto it = rows_.find(productid);
    if (it == rows_.end()) return std::optional<DeviceRecord>();
    return std::optional(it->second);
  }

  aws::result<bool> replace(const DeviceRecord& seen, const DeviceRecord& next) override {
    const std::scoped_lock lock(mutex_);
    const auto it = rows_.find(seen.productid);
    if (it == rows_.end()) return false;
    auto& row = it->second;
    auto written = next;
    written.token_hash = row.token_hash;
    written.product = row.product;
    if (row == written) return true;
    if (row.token_hash != seen.token_hash || row.apply_state != seen.apply_state ||
        row.attempt != seen.attempt || row.cert_id != seen.cert_id || row.pending_cert != seen.pending_cert)
      return false;
    row = std::move(written);
    return true;
  }

  aws::result<void> put(const DeviceRecord& record) override {
    const std::scoped_lock lock(mutex_);
    rows_.insert_or_assign(record.productid, record);
    return {};
  }

 private:
  std::mutex mutex_;
  std::map<std::string, DeviceRecord, std::less<>> rows_;
};

}  // namespace sluice::lambda::test
