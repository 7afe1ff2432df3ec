// The composition of a function on Lambda: environment, clock, log, clients of AWS, table, loop. Each
// function's main says only which handler it is.
#pragma once

#include <string_view>

#include "aws/credentials.hpp"
#include "aws/iot_control.hpp"
#include "cloud/lambda/device_table.hpp"
#include "cloud/lambda/function.hpp"
#include "core/log.hpp"

namespace sluice::lambda {

struct FunctionParts {
  const aws::Environment& environment;
  std::string region;
  aws::IotControl& iot;
  DeviceTable* table;  // null: SLUICE_TABLE is not set
  Now now;
  Log log;
};

// What is wrong with the settings is an error in words: it goes to Lambda's init error, and the process
// exits.
using MakeHandler = std::function<aws::result<Handler>(const FunctionParts& parts)>;

int function_main(std::string_view name, const MakeHandler& make);

}  // namespace sluice::lambda
