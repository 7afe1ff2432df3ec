// What becomes of a device's old certificate when it asks for another. Used by the vending function and the
// fleet provisioning hook.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "aws/iot_control.hpp"

namespace sluice::lambda {

enum class Reissue : std::uint8_t {
  refuse,  // a registered device gets nothing but the certificate that it has, for the key that it has
  rotate,  // it gets a new one; the old one is retired, at the latest by the next
};
enum class Retired : std::uint8_t {
  remove,  // retired certificates are deleted
  keep,    // they stay, INACTIVE and attached to nothing
};

// INACTIVE, detached from policies and things, deleted unless it is to be kept. Safe to repeat after any
// crash; a certificate that is gone is retired.
aws::result<void> retire_certificate(aws::IotControl& iot, std::string_view id, Retired what);

// The first error ends it; what was retired before stays so.
aws::result<void> retire_all(aws::IotControl& iot, const std::vector<std::string>& ids, Retired what);

}  // namespace sluice::lambda
