// Settings that several functions read from their environment in the same words. Errors: kind invalid, with
// the variable's name and what is allowed.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "aws/credentials.hpp"
#include "cloud/lambda/gateway_policy.hpp"
#include "cloud/lambda/retire.hpp"

namespace sluice::lambda {

// Empty: not set.
std::string setting(const aws::Environment& environment, std::string_view name,
                    std::string_view otherwise = {});
aws::result<std::string> needed_setting(const aws::Environment& environment, std::string_view name);
// One of two words: is it the second? Not set: `otherwise`.
aws::result<bool> is_second_word(const aws::Environment& environment, std::string_view name,
                                 std::string_view first, std::string_view second, std::string_view otherwise);

// SLUICE_REISSUE (refuse, rotate) and SLUICE_RETIRED (delete, keep).
aws::result<std::pair<Reissue, Retired>> read_reissue(const aws::Environment& environment);
// SLUICE_GATEWAY_POLICY (a name, or none) and SLUICE_GATEWAY_PRODUCTS (names with commas between them).
GatewayPolicy read_gateway_policy(const aws::Environment& environment);
// SLUICE_THING_TYPES (yes, no).
aws::result<bool> read_thing_types(const aws::Environment& environment);

}  // namespace sluice::lambda
