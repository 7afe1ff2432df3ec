// Events as API Gateway writes them, with all that may be missing.
#include "cloud/lambda/apigw_event.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sluice::lambda {
namespace {

using nlohmann::json;

TEST(ApiEvent, ReadsARestProxyEventWithNullMaps) {
  const auto request =
      parse_api_request(R"({"resource":"/certificates","path":"/certificates","httpMethod":"POST",
    "headers":null,"multiValueHeaders":null,"queryStringParameters":null,"pathParameters":null,"stageVariables":null,
    "requestContext":{"stage":"v1","requestId":"r-1","identity":{"sourceIp":"192.0.2.1"}},
    "body":null,"isBase64Encoded":false})");
  ASSERT_TRUE(request) << request.error().text;
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->path, "/certificates");
  EXPECT_EQ(request->stage, "v1");
  EXPECT_EQ(request->source_ip, "192.0.2.1");
  EXPECT_EQ(request->body, "");
  EXPECT_FALSE(request->simple);
}

TEST(ApiEvent, ComparesHeaderNamesWithoutCase) {
  const auto request = parse_api_request(
      R"({"path":"/x","httpMethod":"GET","headers":{"X-Api-KEY":"k"},"queryStringParameters":{"A":"b"}})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->header("x-api-key"), "k");
  EXPECT_EQ(request->header("host"), "");
  EXPECT_EQ(request->parameter("A"), "b");
  EXPECT_EQ(request->parameter("a"), "");
}

TEST(ApiEvent, ReadsAnHttpApiEventWithoutItsStage) {
  const auto request =
      parse_api_request(R"({"version":"2.0","routeKey":"GET /getcert","rawPath":"/Prod/getcert",
    "rawQueryString":"serialNumber=a","headers":{"host":"h"},"queryStringParameters":{"serialNumber":"a"},
    "requestContext":{"stage":"Prod","http":{"method":"GET","path":"/Prod/getcert","sourceIp":"::1"}}})");
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->simple);
  EXPECT_EQ(request->method, "GET");
  EXPECT_EQ(request->path, "/getcert");
  EXPECT_EQ(request->parameter("serialNumber"), "a");
}

TEST(ApiEvent, DecodesABase64Body) {
  const auto with = [](const char* body) {
    return parse_api_request(
        json{{"path", "/x"}, {"httpMethod", "POST"}, {"body", body}, {"isBase64Encoded", true}}.dump());
  };
  EXPECT_EQ(with("eyJhIjoxfQ==")->body, R"({"a":1})");
  EXPECT_EQ(with("")->body, "");
  EXPECT_FALSE(with("eyJ"));
  EXPECT_FALSE(with("####"));
}

TEST(ApiEvent, RefusesWhatIsNone) {
  const std::string deep(100'000, '[');
  for (const auto& event : {std::string(), std::string("null"), std::string("[1]"), std::string("{}"), deep,
                            std::string(R"({"httpMethod":7,"path":"/"})")}) {
    EXPECT_FALSE(parse_api_request(event)) << event.substr(0, 40);
  }
}

TEST(ApiEvent, WhatAFrontWritesIsReadBack) {
  ApiRequest sent;
  sent.method = "POST", sent.path = "/certificates", sent.stage = "v1", sent.request_id = "r",
  sent.source_ip = "::1";
  sent.headers = {{"content-type", "application/json"}};
  sent.query = {{"a", "b"}};
  sent.body = "{}";
  const auto read = parse_api_request(rest_event(sent));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->headers, sent.headers);
  EXPECT_EQ(read->query, sent.query);
  EXPECT_EQ(read->body, sent.body);
  EXPECT_EQ(read->source_ip, sent.source_ip);
}

TEST(ApiResponse, IsTheShapeThatApiGatewayTakes) {
  const auto root = json::parse(to_json(ApiResponse{401, {{"retry-after", "3"}}, "{\"a\":1}"}));
  EXPECT_EQ(root.at("statusCode"), 401);
  EXPECT_EQ(root.at("headers").at("retry-after"), "3");
  EXPECT_TRUE(root.at("body").is_string());
  EXPECT_EQ(root.at("isBase64Encoded"), false);
}

}  // namespace
}  // namespace sluice::lambda
