// AWS IoT's control plane over HTTPS, for the functions (and for tests against moto and the local cloud).
#pragma once

#include <memory>

#include "aws/iot_control.hpp"
#include "aws/service.hpp"

namespace sluice::aws {

// What makes a certificate is repeated only if AWS says "too often": after a broken connection it may exist
// already, and a second one would belong to nobody. The caller decides.
std::unique_ptr<IotControl> make_iot_control(ServiceOptions options, const Caller& caller);

}  // namespace sluice::aws
