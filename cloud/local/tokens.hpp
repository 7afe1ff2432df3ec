// Devices that may redeem a token at the CVM or by fleet provisioning: put into the table one by one or from
// a CSV. Used by the program's add-token and import. The table has hashes only.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cloud/lambda/device_table.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"

namespace sluice::cloud {

struct NewDevice {
  std::string productid, token;  // token: empty: made here
  std::string product, region;   // model; where it may register, empty: anywhere
};

// The token. A device that is in the table already is refused.
result<std::string> add_token(lambda::DeviceTable& table, const NewDevice& device);

// productid,accessToken,product,region: a first line with the names of the columns, in any order; only
// productid must be there. All or, with the number of the line, what is wrong.
result<std::vector<NewDevice>> parse_device_csv(const std::string& text);

}  // namespace sluice::cloud
