// Amazon resource names of AWS IoT, and the alphabets of its names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::cloud {

struct ArnScope {
  std::string region, account;
};

// kind: "thing", "cert", "cacert", "policy", "thingtype", "provisioningtemplate", "rolealias", "client",
// "topic" ...
std::string arn(const ArnScope& scope, std::string_view kind, std::string_view name);
// The id of arn:aws:iot:REGION:ACCOUNT:cert/ID; nothing for any other ARN, region or account.
std::optional<std::string> certificate_of_arn(const ArnScope& scope, std::string_view text);

bool valid_thing_name(std::string_view name);     // [a-zA-Z0-9:_-]{1,128}; also thing types
bool valid_policy_name(std::string_view name);    // [\w+=,.@-]{1,128}
bool valid_template_name(std::string_view name);  // [0-9A-Za-z_-]{1,36}
bool valid_role_alias(std::string_view name);     // [\w=,@-]{1,128}
bool valid_certificate_id(std::string_view id);   // 64 hex digits

std::string new_uuid();
// From the system's source of randomness.
std::string random_hex(std::size_t bytes);

}  // namespace sluice::cloud
