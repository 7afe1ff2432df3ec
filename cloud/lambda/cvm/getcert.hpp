// GET /getcert as the awslabs Certificate Vending Machine answers it, so that devices made for it work: keys
// made by AWS, both generations' bodies and statuses. Used by CvmHandler. Source: github
// awslabs/aws-iot-certificate-vending-machine, 2018 (first) and v1.2.0 (second).
#pragma once

#include "cloud/lambda/apigw_event.hpp"
#include "cloud/lambda/cvm/redemption.hpp"

namespace sluice::lambda::cvm {

ApiResponse getcert(const ApiRequest& request, Redemption& redemption, const Settings& settings);

}  // namespace sluice::lambda::cvm
