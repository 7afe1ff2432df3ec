// The table of devices in DynamoDB. Used by the functions' main programs.
#pragma once

#include "cloud/lambda/device_table.hpp"

namespace sluice::aws {
class DynamoDb;
}

namespace sluice::lambda {

// `dynamodb` must outlive the table.
std::unique_ptr<DeviceTable> make_dynamodb_device_table(aws::DynamoDb& dynamodb, std::string table_name);

}  // namespace sluice::lambda
