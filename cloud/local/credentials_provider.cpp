#include "cloud/local/credentials_provider.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "aws/time_text.hpp"
#include "aws/url.hpp"

namespace sluice::cloud {
namespace {

HttpAnswer refuse(unsigned status, std::string_view type, std::string_view message) {
  HttpAnswer answer{status, nlohmann::json{{"message", message}}.dump()};
  answer.headers.emplace_back("x-amzn-ErrorType", type);
  return answer;
}

}  // namespace

HttpAnswer CredentialsProvider::answer(const HttpRequest& request) {
  constexpr std::string_view kBefore = "/role-aliases/", kAfter = "/credentials";
  auto path = request.path();
  if (request.method != "GET" || !path.starts_with(kBefore) || !path.ends_with(kAfter) ||
      path.size() <= kBefore.size() + kAfter.size()) {
    return refuse(404, "ResourceNotFoundException", "here is GET /role-aliases/ALIAS/credentials");
  }
  path.remove_prefix(kBefore.size());
  path.remove_suffix(kAfter.size());
  return lend(request, aws::percent_decode(path));
}

bool CredentialsProvider::may_assume(const Principal& principal, const HttpRequest& request,
                                     const std::string& alias) {
  PolicyVariables variables;
  for (const auto& [name, values] : principal.variables) variables.set(name, values);
  variables.set("aws:SourceIp", {request.address});
  if (const auto name = request.header("x-amzn-iot-thingname"); !name.empty()) {
    const auto thing = iot_.registry().thing(name);
    variables.set("iot:Connection.Thing.ThingName", {std::string(name)});
    variables.set("iot:Connection.Thing.IsAttached", {"true"});
    if (thing && !thing->type.empty()) variables.set("iot:Connection.Thing.ThingTypeName", {thing->type});
    for (const auto& [attribute, value] : thing ? thing->attributes : std::map<std::string, std::string>{})
      variables.set("iot:Connection.Thing.Attributes[" + attribute + "]", {value});
  }
  return allowed(principal.policies, "iot:AssumeRoleWithCertificate", arn(iot_.scope(), "rolealias", alias),
                 variables);
}

HttpAnswer CredentialsProvider::lend(const HttpRequest& request, const std::string& alias) {
  const auto principal =
      request.certificate_id.empty() ? nullptr : iot_.registry().principal(request.certificate_id);
  const auto denied = [&](std::string_view why) {
    log_.info("no credentials for certificate {} and role alias {}: {}", request.certificate_id, alias, why);
    return refuse(403, "AccessDeniedException", "Access Denied");
  };
  if (!principal || !principal->active()) return denied("the certificate is not active");
  if (const auto name = request.header("x-amzn-iot-thingname"); !name.empty()) {
    const auto things = iot_.registry().things_of(request.certificate_id);
    if (std::ranges::find(things, name) == things.end())
      return refuse(403, "InvalidThingNameException", "Invalid thing name passed");
  }
  if (!may_assume(*principal, request, alias))
    return denied("no policy allows iot:AssumeRoleWithCertificate");
  const auto record = valid_role_alias(alias) ? iot_.registry().role_aliases().find(alias) : nullptr;
  if (!record) return refuse(404, "ResourceNotFoundException", "Role alias does not exist");
  const auto now = std::chrono::floor<std::chrono::seconds>(iot_.wall());
  const auto lasts = std::chrono::seconds(record->seconds);
  const auto lent = keys_.lend(now, lasts);
  if (!lent) return refuse(429, "LimitExceededException", "Too many credentials are in use");
  return {200, nlohmann::json{{"credentials",
                               {{"accessKeyId", lent->access_key_id},
                                {"secretAccessKey", lent->secret_access_key},
                                {"sessionToken", lent->session_token},
                                {"expiration", aws::iso_time(now + lasts)}}}}
                   .dump()};
}

}  // namespace sluice::cloud
