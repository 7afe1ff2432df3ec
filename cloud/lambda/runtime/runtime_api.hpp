// Lambda's runtime API: where an event comes from, and where its answer goes. One plain HTTP exchange for
// each call; next waits as long as it takes (the process may be frozen meanwhile). Used by the loop. Source:
// Lambda Developer Guide, "Using the Lambda runtime API".
#pragma once

#include <chrono>
#include <string>

#include "aws/error.hpp"
#include "cloud/lambda/function.hpp"

namespace sluice::lambda {

struct Invocation {
  std::string request_id, trace_id, function_arn;
  std::chrono::sys_time<std::chrono::milliseconds> deadline;
  std::string event;
};

class RuntimeApi {
 public:
  // `address`: host:port, as in AWS_LAMBDA_RUNTIME_API.
  explicit RuntimeApi(const std::string& address);

  aws::result<Invocation> next() const;
  aws::result<void> respond(const std::string& request_id, const std::string& body) const;
  aws::result<void> fail(const std::string& request_id, const FunctionError& error) const;
  aws::result<void> fail_init(const FunctionError& error) const;

 private:
  aws::result<void> post(const std::string& path, const std::string& body,
                         const std::string& error_type) const;
  std::string host_, port_;
};

}  // namespace sluice::lambda
