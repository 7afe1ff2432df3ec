// The table of devices with their tokens, as the cloud functions know it, in a folder with a file for each
// device: a device that is added or changed by hand is seen at once. The laptop's DynamoDB; shared by all
// regions, as a global table is. Any thread may call.
#pragma once

#include <filesystem>
#include <memory>

#include "cloud/lambda/device_table.hpp"
#include "core/error.hpp"
#include "core/log.hpp"

namespace sluice::cloud {

std::unique_ptr<lambda::DeviceTable> open_devices(const std::filesystem::path& folder, Log log);

}  // namespace sluice::cloud
