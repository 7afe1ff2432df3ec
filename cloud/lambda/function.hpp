// What every function is to the runtime that calls it: an event's JSON in, an answer's JSON out. The Lambda
// runtime (runtime/) and the local cloud call the same handlers through this.
#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace sluice::lambda {

// The function did not answer: Lambda tells the caller `message` and `type`. Asynchronous callers try again;
// an authorizer whose message is exactly "Unauthorized" makes API Gateway answer 401.
struct FunctionError {
  FunctionError() = default;
  FunctionError(std::string error_type, std::string error_message)
      : type(std::move(error_type)), message(std::move(error_message)) {}
  std::string type, message;
};

[[noreturn]] inline void throw_exception_from_error(const FunctionError& error,
                                                    const boost::source_location&) {
  throw std::runtime_error(error.type + ": " + error.message);
}

using Answer = boost::system::result<std::string, FunctionError>;
using Handler = std::function<Answer(std::string_view event)>;
using Now = std::function<std::chrono::sys_seconds()>;

}  // namespace sluice::lambda
