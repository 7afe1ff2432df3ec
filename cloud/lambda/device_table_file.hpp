// The table of devices on a laptop: one JSON file, replaced as a whole and synced before a write is answered,
// or memory alone. Used by the local cloud, and by tests.
#pragma once

#include <filesystem>

#include "cloud/lambda/device_table.hpp"

namespace sluice::lambda {

std::unique_ptr<DeviceTable> make_memory_device_table();

// A missing file is an empty table. Error: it cannot be read or is not a table; it is never overwritten then.
aws::result<std::unique_ptr<DeviceTable>> open_device_table_file(const std::filesystem::path& path);

}  // namespace sluice::lambda
