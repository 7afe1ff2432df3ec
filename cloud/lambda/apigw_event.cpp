#include "cloud/lambda/apigw_event.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace sluice::lambda {
namespace {

using nlohmann::json;

aws::Error invalid(std::string text) {
  return {
      .kind = aws::Error::Kind::invalid, .status = 0, .code = {}, .text = std::move(text), .retry_after = {}};
}

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

std::string text_of(const json& object, const char* name) {
  const auto it = object.is_object() ? object.find(name) : object.end();
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

const json& child(const json& object, const char* name) {
  static const json kNothing;
  const auto it = object.is_object() ? object.find(name) : object.end();
  return it == object.end() ? kNothing : *it;
}

std::optional<std::string> from_base64(const std::string& text) {
  if (text.size() % 4 != 0) return {};
  std::string raw(text.size() / 4 * 3, '\0');
  const int n =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(raw.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (n < 0) return {};
  raw.resize(static_cast<std::size_t>(n) - (text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0));
  return raw;
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
  if (event.size() > kMostEvent) return invalid("the event is larger than 6 MiB");
  const auto root = json::parse(event, nullptr, false);
  if (!root.is_object()) return invalid("the event is no JSON object");
  ApiRequest request;
  const auto& context = child(root, "requestContext");
  request.simple = text_of(root, "version") == "2.0";
  request.stage = text_of(context, "stage");
  request.request_id = text_of(context, "requestId");
  if (request.simple) {
    const auto& http = child(context, "http");
    request.method = text_of(http, "method");
    request.path = without_stage(text_of(root, "rawPath"), request.stage);
    request.source_ip = text_of(http, "sourceIp");
  } else {
    request.method = text_of(root, "httpMethod");
    request.path = without_stage(text_of(root, "path"), request.stage);
    request.source_ip = text_of(child(context, "identity"), "sourceIp");
  }
  if (request.method.empty() || request.path.empty()) {
    return invalid("the event is none of API Gateway's proxy integration: it has no method or no path");
  }
  request.headers = strings(root, "headers", true);
  request.query = strings(root, "queryStringParameters", false);
  request.body = text_of(root, "body");
  const auto& encoded = child(root, "isBase64Encoded");
  if (encoded.is_boolean() && encoded.get<bool>()) {
    auto body = from_base64(request.body);
    if (!body) return invalid("the event's body is no base64");
    request.body = std::move(*body);
  }
  return request;
}

std::string to_json(const ApiResponse& response) {
  return json{{"statusCode", response.status},
              {"headers", response.headers},
              {"body", response.body},
              {"isBase64Encoded", false}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string rest_event(const ApiRequest& request) {
  const auto or_null = [](const auto& value) { return value.empty() ? json() : json(value); };
  return json{{"resource", request.path},
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
              {"isBase64Encoded", false}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace sluice::lambda
