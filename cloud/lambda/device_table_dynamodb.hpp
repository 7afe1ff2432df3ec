// The table of devices in DynamoDB. Used by the functions' main programs.
#pragma once

#include <string>

#include "aws/dynamodb.hpp"
#include "cloud/lambda/device_table.hpp"

namespace sluice::lambda {

// `dynamodb` must outlive the table.
std::unique_ptr<DeviceTable> make_dynamodb_device_table(aws::Dynamodb& dynamodb, std::string table_name);

}  // namespace sluice::lambda
