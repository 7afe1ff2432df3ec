// Puts devices into a region's table: new ones are added, what is there already stays or is replaced as
// asked, and a device that has a certificate is never changed by accident. Used by sluice-cloud-import. Safe
// to repeat.
#pragma once

#include <string>

#include "aws/dynamodb.hpp"
#include "cloud/lambda/device_table.hpp"
#include "cloud/stack/device_file.hpp"

namespace sluice::stack {

enum class Loaded : std::uint8_t {
  added,
  updated,    // it was there, new: it has this token and product now
  replaced,   // it had begun to register: its next request gets a new certificate and retires the old one
  unchanged,  // it is there with this token, product and region
  kept,       // it has begun to register, and was to be left alone
  blocked,    // its applyState is an operator's own; never touched
};

class DeviceLoader {
 public:
  // Both must outlive it and speak of the same table.
  DeviceLoader(aws::Dynamodb& dynamodb, lambda::DeviceTable& table, std::string table_name);
  // Any thread, for different devices. token_hash: of row.access_token.
  aws::result<Loaded> load(const DeviceRow& row, const std::string& token_hash, bool replace);

 private:
  aws::result<bool> add(const DeviceRow& row, const std::string& token_hash);
  aws::result<bool> give_token(const lambda::DeviceRecord& seen, const DeviceRow& row,
                               const std::string& token_hash);
  aws::result<std::optional<Loaded>> change(const lambda::DeviceRecord& seen, const DeviceRow& row,
                                            const std::string& token_hash, bool replace);

  aws::Dynamodb& dynamodb_;
  lambda::DeviceTable& table_;
  const std::string table_name_;
};

}  // namespace sluice::stack
