#include "aws/sts.hpp"

#include <utility>

#include "aws/time_text.hpp"
#include "aws/url.hpp"
#include "aws/xml_text.hpp"

namespace sluice::aws {
namespace {

constexpr std::size_t kMostPolicy = 2048;

class HttpsSts : public Sts {
 public:
  HttpsSts(ServiceOptions options, const Caller& caller) : service_("sts", std::move(options), caller) {}

  result<AssumedRole> assume_role(const AssumeRole& request) override {
    if (request.policy.size() > kMostPolicy) {
      return Error{Error::Kind::invalid,
                   0,
                   "PackedPolicyTooLarge",
                   "sts AssumeRole: the session policy has " + std::to_string(request.policy.size()) +
                       " characters; at most " + std::to_string(kMostPolicy),
                   {}};
    }
    std::string form = "Action=AssumeRole&Version=2011-06-15&RoleArn=" + percent_encode(request.role_arn) +
                       "&RoleSessionName=" + percent_encode(request.session_name) +
                       "&DurationSeconds=" + std::to_string(request.duration.count());
    if (!request.policy.empty()) form += "&Policy=" + percent_encode(request.policy);
    std::size_t number = 0;
    for (const auto& [key, value] : request.tags) {
      const auto member = "&Tags.member." + std::to_string(++number);
      form.append(member).append(".Key=").append(percent_encode(key));
      form.append(member).append(".Value=").append(percent_encode(value));
    }
    const auto body = ask("AssumeRole", std::move(form));
    if (!body) return body.error();
    auto role = assumed_from(*body);
    if (!role) return service_.not_understood("AssumeRole");
    return *std::move(role);
  }

  result<CallerIdentity> get_caller_identity() override {
    const auto body = ask("GetCallerIdentity", "Action=GetCallerIdentity&Version=2011-06-15");
    if (!body) return body.error();
    const auto field = [&body](std::string_view name) {
      return xml_text(*body, {"GetCallerIdentityResponse", "GetCallerIdentityResult", name}).value_or("");
    };
    CallerIdentity identity{field("Account"), field("Arn"), field("UserId")};
    if (identity.account.empty() || identity.arn.empty()) return service_.not_understood("GetCallerIdentity");
    return identity;
  }

 private:
  static std::optional<AssumedRole> assumed_from(std::string_view body) {
    const auto key = [&body](std::string_view name) {
      return xml_text(body, {"AssumeRoleResponse", "AssumeRoleResult", "Credentials", name}).value_or("");
    };
    AssumedRole role;
    role.session.credentials = {key("AccessKeyId"), key("SecretAccessKey"), key("SessionToken")};
    const auto expiration = parse_iso_time(key("Expiration"));
    role.arn =
        xml_text(body, {"AssumeRoleResponse", "AssumeRoleResult", "AssumedRoleUser", "Arn"}).value_or("");
    const auto& keys = role.session.credentials;
    if (keys.access_key_id.empty() || keys.secret_access_key.empty() || keys.session_token.empty() ||
        !expiration) {
      return std::nullopt;
    }
    role.session.expiration = *expiration;
    return role;
  }

  result<std::string> ask(std::string_view action, std::string form) const {
    ServiceCall call{action, "POST", "/", {}, std::move(form)};
    call.headers = {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"}};
    auto response = service_.call(call);
    if (!response) return response.error();
    return std::move(response->body);
  }

  const Service service_;
};

}  // namespace

std::unique_ptr<Sts> make_sts(ServiceOptions options, const Caller& caller) {
  return std::make_unique<HttpsSts>(std::move(options), caller);
}

}  // namespace sluice::aws
