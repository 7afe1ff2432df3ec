#include "cloud/local/api_front.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cloud/lambda/apigw_event.hpp"
#include "cloud/local/control/router.hpp"
#include "cloud/local/json_text.hpp"
#include "cloud/local/registry/arn.hpp"

namespace sluice::cloud {
namespace {

using nlohmann::json;

struct Route {
  std::string_view method, stage, path;
};
constexpr Route kRoutes[] = {
    {"POST", "Prod", "/certificates"},
    {"POST", "Prod", "/certificates/retire"},
    {"GET", "Prod", "/getcert"},
    {"GET", "LATEST", "/getcert"},
};

// An error of the front itself: the function was not asked, or did not answer.
HttpAnswer of_the_gateway(unsigned status, std::string_view type, std::string_view message) {
  HttpAnswer answer{status, json{{"message", message}}.dump()};
  answer.headers.emplace_back("x-amzn-ErrorType", type);
  return answer;
}

HttpAnswer bad_gateway() {
  return of_the_gateway(502, "InternalServerErrorException", "Internal server error");
}

}  // namespace

HttpAnswer from_proxy_answer(const lambda::Answer& answer) {
  if (!answer) return bad_gateway();
  const json value = json::parse(*answer, nullptr, false);
  const auto status = value.is_object() ? value.value("statusCode", json()) : json();
  const auto body = value.is_object() ? value.value("body", json("")) : json();
  if (!status.is_number_integer() || status < 100 || status > 599 || !body.is_string()) return bad_gateway();
  HttpAnswer http{status.get<unsigned>(), body.get<std::string>()};
  if (value.value("isBase64Encoded", json(false)) == true && !from_base64(body.get<std::string>(), http.body))
    return bad_gateway();
  const auto headers = value.value("headers", json::object()),
             many = value.value("multiValueHeaders", json::object());
  for (const auto& [name, text] : headers.items()) {
    if (text.is_string()) http.headers.emplace_back(name, text.get<std::string>());
  }
  for (const auto& [name, texts] : many.items()) {
    if (texts.is_array() && !texts.empty() && texts.back().is_string())
      http.headers.emplace_back(name, texts.back().get<std::string>());
  }
  return http;
}

ApiFront::ApiFront(lambda::Handler function, Clock& clock, ApiFrontOptions options, Log log)
    : function_(std::move(function)),
      clock_(clock),
      options_(options),
      bucket_(std::max(options.requests_per_second, 0.001), std::max(options.requests_per_second, 1.0)),
      log_(std::move(log)) {}

HttpAnswer ApiFront::answer(const HttpRequest& request) {
  const auto path = request.path();
  const auto end = path.find('/', 1);
  const auto stage =
      path.substr(std::min<std::size_t>(1, path.size()), end == std::string_view::npos ? end : end - 1);
  const auto rest = end == std::string_view::npos ? std::string_view("/") : path.substr(end);
  const bool known = std::ranges::any_of(kRoutes, [&](const Route& route) {
    return route.method == request.method && route.stage == stage && route.path == rest;
  });
  if (!known) {
    // AWS says so of every path and method that is not there.
    return of_the_gateway(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
  }
  if (options_.requests_per_second > 0 && !bucket_.take(1, clock_.now()))
    return of_the_gateway(429, "TooManyRequestsException", "Too Many Requests");
  return invoke(request, stage, rest);
}

HttpAnswer ApiFront::invoke(const HttpRequest& request, std::string_view stage, std::string_view path) {
  lambda::ApiRequest event;
  event.method = request.method;
  event.path = path;
  event.stage = stage;
  event.request_id = new_uuid();
  event.source_ip = request.address;
  for (const auto& [name, value] : request.headers) event.headers[name] = value;
  for (const auto& [name, value] : control::read_query(request.target)) event.query[name] = value;
  event.body = request.body;
  const auto answered = function_(lambda::rest_event(event));
  if (!answered) log_.error("the function failed: {}: {}", answered.error().type, answered.error().message);
  HttpAnswer http = from_proxy_answer(answered);
  http.headers.emplace_back("x-amzn-RequestId", event.request_id);
  log_.info("{} {} from {}: {}", request.method, request.path(), request.address, http.status);
  return http;
}

}  // namespace sluice::cloud
