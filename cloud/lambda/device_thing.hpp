// The thing of a device. Used by the vending function and JITR.
#pragma once

#include "aws/iot_control.hpp"
#include "cloud/lambda/device_table.hpp"
#include "core/log.hpp"

namespace sluice::lambda {

// With the product as its attribute, and as its type if `typed` and that type exists. A thing that exists
// stays as it is: an operator made it, and wants it so.
aws::result<void> make_thing(aws::IotControl& iot, const std::string& name, const std::string& product,
                             bool typed, const Log& log);

}  // namespace sluice::lambda
