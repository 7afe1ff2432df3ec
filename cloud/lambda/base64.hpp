// Base64 as API Gateway and HTTP's Basic have it: padded, in one line. Used by apigw_event and the
// authorizer.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::lambda {

// Nothing: it is no base64.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace sluice::lambda
