#include "cloud/lambda/apigw_event.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "aws/json_text.hpp"
#include "cloud/lambda/base64.hpp"

namespace sluice::lambda {
namespace {

using nlohmann::json;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  return text;
}

// A map that may be null or absent, of strings.
std::map<std::string, std::string> strings(const json& event, const char* name, bool lower_names) {
  std::map<std::string, std::string> found;
  const auto it = event.find(name);
  if (it == event.end() || !it->is_object()) return found;
  for (const auto& [key, value] : it->items()) {
    if (value.is_string()) found.emplace(lower_names ? lower(key) : key, value.get<std::string>());
  }
  return found;
}

const json& child(const json& object, const char* name) {
  static const json kNothing;
  const auto it = object.is_object() ? object.find(name) : object.end();
  return it == object.end() ? kNothing : *it;
}

std::string_view value_of(const std::map<std::string, std::string>& map, std::string_view name) {
  const auto it = map.find(std::string(name));
  return it == map.end() ? std::string_view() : std::string_view(it->second);
}

// HTTP API paths carry the stage unless it is $default.
std::string without_stage(std::string path, const std::string& stage) {
  if (!stage.empty() && stage != "$default" && path.starts_with("/" + stage + "/"))
    path.erase(0, stage.size() + 1);
  return path;
}

}  // namespace

std::string_view ApiRequest::header(std::string_view lower_case_name) const {
  return value_of(headers, lower_case_name);
}
std::string_view ApiRequest::parameter(std::string_view name) const { return value_of(query, name); }

aws::result<ApiRequest> parse_api_request(std::string_view event) {
  const auto parsed = aws::parse_object(event, kMostEvent);
  if (!parsed) return aws::invalid_argument("the event is no JSON object of at most 6 MiB");
  const auto& root = *parsed;
  ApiRequest request;
  const auto& context = child(root, "requestContext");
  request.simple = aws::text_in(root, "version") == "2.0";
  request.stage = aws::text_in(context, "stage");
  request.request_id = aws::text_in(context, "requestId");
  if (request.simple) {
    const auto& http = child(context, "http");
    request.method = aws::text_in(http, "method");
    request.path = without_stage(aws::text_in(root, "rawPath"), request.stage);
    request.source_ip = aws::text_in(http, "sourceIp");
  } else {
    request.method = aws::text_in(root, "httpMethod");
    request.path = without_stage(aws::text_in(root, "path"), request.stage);
    request.source_ip = aws::text_in(child(context, "identity"), "sourceIp");
  }
  if (request.method.empty() || request.path.empty()) {
    return aws::invalid_argument(
        "the event is none of API Gateway's proxy integration: it has no method or no path");
  }
  request.headers = strings(root, "headers", true);
  request.query = strings(root, "queryStringParameters", false);
  request.body = aws::text_in(root, "body");
  const auto& encoded = child(root, "isBase64Encoded");
  if (encoded.is_boolean() && encoded.get<bool>()) {
    auto body = from_base64(request.body);
    if (!body) return aws::invalid_argument("the event's body is no base64");
    request.body = std::move(*body);
  }
  return request;
}

std::string to_json(const ApiResponse& response) {
  return aws::dumped(json{{"statusCode", response.status},
                          {"headers", response.headers},
                          {"body", response.body},
                          {"isBase64Encoded", false}});
}

std::string rest_event(const ApiRequest& request) {
  const auto or_null = [](const auto& value) { return value.empty() ? json() : json(value); };
  return aws::dumped(json{{"resource", request.path},
                          {"path", request.path},
                          {"httpMethod", request.method},
                          {"headers", or_null(request.headers)},
                          {"queryStringParameters", or_null(request.query)},
                          {"pathParameters", nullptr},
                          {"stageVariables", nullptr},
                          {"requestContext",
                           {{"stage", request.stage},
                            {"requestId", request.request_id},
                            {"path", "/" + request.stage + request.path},
                            {"httpMethod", request.method},
                            {"identity", {{"sourceIp", request.source_ip}}}}},
                          {"body", or_null(request.body)},
                          {"isBase64Encoded", false}});
}

}  // namespace sluice::lambda
