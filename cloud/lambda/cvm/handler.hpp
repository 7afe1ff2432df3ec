// The Certificate Vending Machine as a function behind API Gateway: POST /certificates and
// /certificates/retire (aws/cvm.hpp), GET /getcert (getcert.hpp). Used by the function's main and by the
// local cloud.
#pragma once

#include <mutex>

#include "cloud/lambda/apigw_event.hpp"
#include "cloud/lambda/cvm/redemption.hpp"

namespace sluice::lambda::cvm {

class CvmHandler {
 public:
  // `iot` and `table` must outlive it.
  CvmHandler(aws::IotControl& iot, DeviceTable& table, Settings settings, Now now, Log log);
  // Any thread. A FunctionError only for what is not an API event.
  Answer operator()(std::string_view event);
  ApiResponse respond(const ApiRequest& request);

 private:
  ApiResponse certificates(const ApiRequest& request);
  ApiResponse retire(const ApiRequest& request);
  boost::system::result<aws::cvm::Vended, aws::cvm::Refusal> vend(const aws::cvm::Request& request);
  // Of AWS IoT, asked once.
  aws::result<std::pair<std::string, std::string>> endpoints();

  aws::IotControl& iot_;
  Settings settings_;
  Log log_;
  Redemption redemption_;
  std::mutex endpoints_mutex_;
  std::pair<std::string, std::string> endpoints_;
};

}  // namespace sluice::lambda::cvm
