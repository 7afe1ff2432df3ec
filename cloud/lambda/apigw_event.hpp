// API Gateway's events and answers: REST proxy and HTTP API "1.0", HTTP API "2.0". Used by the functions
// behind an API, and by the local cloud's front, which writes such events. Source: API Gateway Developer
// Guide, "Lambda proxy integrations", "payload format version".
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "aws/error.hpp"

namespace sluice::lambda {

inline constexpr std::size_t kMostEvent = 6 * 1024 * 1024;  // Lambda's own limit

struct ApiRequest {
  std::string method, path;  // path without the stage
  std::string stage, request_id, source_ip;
  std::map<std::string, std::string> headers;  // names in lower case
  std::map<std::string, std::string> query;
  std::string body;     // decoded if it was base64
  bool simple = false;  // HTTP API 2.0

  std::string_view header(std::string_view lower_case_name) const;
  std::string_view parameter(std::string_view name) const;
};

struct ApiResponse {
  unsigned status = 200;
  std::map<std::string, std::string> headers;
  std::string body;
};

// What is not an API event is an error of kind invalid.
aws::result<ApiRequest> parse_api_request(std::string_view event);
std::string to_json(const ApiResponse& response);

// For who plays API Gateway: the event of a REST proxy integration.
std::string rest_event(const ApiRequest& request);

}  // namespace sluice::lambda
