// API Gateway's Lambda authorizer: lets in who has a device's productid and accessToken, without redeeming
// them. Used by the function's main. TOKEN and REQUEST of REST APIs, "2.0" of HTTP
// APIs.
#pragma once

#include "cloud/lambda/device_table.hpp"
#include "cloud/lambda/function.hpp"
#include "core/log.hpp"

namespace sluice::lambda::authorizer {

class AuthorizerHandler {
 public:
  AuthorizerHandler(DeviceTable& table, Log log);
  // Credentials: headers or query `productid` and `accessToken` (awslabs: `serialNumber` and `deviceToken`),
  // or Authorization `PRODUCTID TOKEN` or Basic. REST: an IAM policy for the whole stage; who is not let in
  // gets the error "Unauthorized" (401). HTTP 2.0: {"isAuthorized", "context"}. The table does not answer: a
  // FunctionError (500), never a yes.
  Answer operator()(std::string_view event);

 private:
  DeviceTable& table_;
  Log log_;
};

}  // namespace sluice::lambda::authorizer
