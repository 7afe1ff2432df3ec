// A checked file of devices into the tables of regions, several devices at once, telling how far it is. Used
// by sluice-cloud-import.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "aws/service.hpp"
#include "cloud/stack/device_file.hpp"

namespace sluice::stack {

struct Target {
  std::string region, table;
};

// Prints progress, devices that were left alone, and counts. What stopped it, if anything did; devices before
// that are in their tables. endpoint: DynamoDB's URL; empty: AWS's own.
std::optional<std::string> import_into(const std::vector<DeviceRow>& rows, const std::vector<Target>& targets,
                                       const std::string& endpoint, const aws::Caller& caller, bool replace);

}  // namespace sluice::stack
