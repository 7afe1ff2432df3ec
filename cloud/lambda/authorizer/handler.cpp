#include "cloud/lambda/authorizer/handler.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "aws/json_text.hpp"
#include "cloud/lambda/base64.hpp"
#include "cloud/lambda/token_check.hpp"

namespace sluice::lambda::authorizer {
namespace {

using nlohmann::json;

constexpr std::size_t kMostEvent = 256 * 1024;
constexpr std::size_t kMostAuthorization = 4096;

struct Shown {
  std::string productid, access_token;
};

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

// Of a map that may be null or absent; header names are compared as HTTP does.
std::string find(const json& event, const char* map, std::string_view name) {
  const auto it = event.find(map);
  if (it == event.end() || !it->is_object()) return {};
  for (const auto& [key, value] : it->items()) {
    if (same_name(key, name) && value.is_string()) return value.get<std::string>();
  }
  return {};
}

std::optional<Shown> split(std::string_view text, char between) {
  const auto at = text.find(between);
  if (at == text.npos) return {};
  return Shown{std::string(text.substr(0, at)), std::string(text.substr(at + 1))};
}

// "PRODUCTID TOKEN", or "Basic base64(PRODUCTID:TOKEN)"; product ids may have colons, so the last one counts.
std::optional<Shown> from_authorization(std::string_view text) {
  constexpr std::string_view kBasic = "Basic ";
  if (!text.starts_with(kBasic)) return split(text, ' ');
  text.remove_prefix(kBasic.size());
  const auto raw = text.size() <= kMostAuthorization ? from_base64(text) : std::nullopt;
  if (!raw) return {};
  const auto colon = raw->rfind(':');
  if (colon == raw->npos) return {};
  return Shown{raw->substr(0, colon), raw->substr(colon + 1)};
}

std::optional<Shown> credentials_of(const json& event) {
  if (aws::text_in(event, "type") == "TOKEN")
    return from_authorization(aws::text_in(event, "authorizationToken"));
  for (const char* map : {"headers", "queryStringParameters"}) {
    for (const auto& [id, token] : {std::pair("productid", "accessToken"), {"serialNumber", "deviceToken"}}) {
      Shown shown{find(event, map, id), find(event, map, token)};
      if (!shown.productid.empty() && !shown.access_token.empty()) return shown;
    }
  }
  return from_authorization(find(event, "headers", "authorization"));
}

// arn:aws:execute-api:R:A:API/STAGE/GET/x → .../STAGE/*: answers are cached for all methods of the stage.
std::string whole_stage(std::string_view method_arn) {
  const auto api = method_arn.find('/');
  const auto stage = api == method_arn.npos ? api : method_arn.find('/', api + 1);
  return stage == method_arn.npos ? std::string() : std::string(method_arn.substr(0, stage)) + "/*";
}

std::string policy(const DeviceRecord& record, const std::string& resource) {
  return aws::dumped(
      {{"principalId", record.productid},
       {"policyDocument",
        {{"Version", "2012-10-17"},
         {"Statement",
          json::array({{{"Action", "execute-api:Invoke"}, {"Effect", "Allow"}, {"Resource", resource}}})}}},
       {"context", {{"productid", record.productid}, {"product", record.product}}}});
}

}  // namespace

AuthorizerHandler::AuthorizerHandler(DeviceTable& table, Log log) : table_(table), log_(std::move(log)) {}

Answer AuthorizerHandler::operator()(std::string_view event) {
  const auto parsed = aws::parse_object(event, kMostEvent);
  if (!parsed) return FunctionError{"Event.Malformed", "the event is no JSON object of at most 256 KiB"};
  const bool simple = aws::text_in(*parsed, "version") == "2.0";
  const auto resource = whole_stage(aws::text_in(*parsed, "methodArn"));
  if (!simple && resource.empty()) return FunctionError{"Event.Malformed", "the event has no methodArn"};
  const auto refuse = [simple] {
    return simple ? Answer(std::string(R"({"isAuthorized":false})"))
                  : Answer(FunctionError{"Unauthorized", "Unauthorized"});
  };
  const auto shown = credentials_of(*parsed);
  if (!shown) return refuse();
  const auto record = check_token(table_, shown->productid, shown->access_token, log_);
  if (!record && record.error().status == 401) return refuse();
  if (!record) return FunctionError{"Table." + record.error().code, record.error().message};
  if (!simple) return policy(*record, resource);
  return aws::dumped({{"isAuthorized", true},
                      {"context", {{"productid", record->productid}, {"product", record->product}}}});
}

}  // namespace sluice::lambda::authorizer
