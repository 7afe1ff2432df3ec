// The small readers: URLs, times, regions, XML, error bodies, the environment.
#include <gtest/gtest.h>

#include "aws/credentials.hpp"
#include "aws/endpoints.hpp"
#include "aws/json_text.hpp"
#include "aws/service_error.hpp"
#include "aws/time_text.hpp"
#include "aws/url.hpp"
#include "aws/xml_text.hpp"

namespace sluice::aws {
namespace {

TEST(Url, IsTakenApart) {
  const auto url = split_url("https://[::1]:8443/a/b?x=1&y=?");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "[::1]");
  EXPECT_EQ(url->authority, "[::1]:8443");
  EXPECT_EQ(url->path, "/a/b");
  EXPECT_EQ(url->query, "x=1&y=?");
  EXPECT_EQ(split_url("https://h?q")->path, "");
}

TEST(Url, ThatIsNoneIsRefused) {
  for (const auto* text :
       {"", "host/path", "https://", "https:///x", "https://user:pw@host/", "https://h/#f", "https://h\r\n/x",
        "https://h:/x", "https://h:12a/", "https://[::1/x", "https://a b/", "https://127.0.0.1\\@evil/"}) {
    EXPECT_FALSE(split_url(text)) << text;
  }
}

TEST(Url, OnlyThisMachineIsLoopback) {
  for (const auto* host : {"127.0.0.1", "127.255.1.2", "localhost", "[::1]"})
    EXPECT_TRUE(is_loopback(host)) << host;
  for (const auto* host : {"127.0.0.1.example.com", "127.1", "localhost.example.com", "10.0.0.1",
                           "127.0.0.1e", "127.0..1", "1127.0.0.1", ""}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
}

TEST(Url, EscapesAndBack) {
  EXPECT_EQ(percent_encode("a b/\xC3\xA4~-_.%+"), "a%20b%2F%C3%A4~-_.%25%2B");
  EXPECT_EQ(percent_encode("a/b", true), "a/b");
  EXPECT_EQ(percent_decode("a%20b%2f%zz%4"), "a b/%zz%4");
}

TEST(Time, IsReadAndWrittenInBothSpellings) {
  const auto time = parse_amz_time("20150830T123600Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(amz_time(*time), "20150830T123600Z");
  EXPECT_EQ(iso_time(*time), "2015-08-30T12:36:00Z");
  EXPECT_EQ(parse_iso_time("2015-08-30T12:36:00Z"), time);
  EXPECT_EQ(parse_iso_time("2015-08-30T12:36:00.123Z"), time);
  EXPECT_EQ(parse_iso_time("2015-08-30T12:36:00+00:00"), time);
}

TEST(Time, ThatIsNoneIsRefused) {
  for (const auto* text :
       {"", "2015-02-30T12:36:00Z", "2015-08-30T24:36:00Z", "2015-08-30T12:36:00", "2015-08-30",
        "2015-08-30T12:36:00.Z", "2015-08-30T12:36:00+02:00", "2015-08-30t12:36:00Z"}) {
    EXPECT_FALSE(parse_iso_time(text)) << text;
  }
  EXPECT_FALSE(parse_amz_time("20150830T1236000"));
}

TEST(Endpoints, HostsArePerPartition) {
  EXPECT_EQ(service_host("iot", "eu-central-1"), "iot.eu-central-1.amazonaws.com");
  EXPECT_EQ(service_host("sts", "cn-north-1"), "sts.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(partition_of("us-gov-west-1").name, "aws-us-gov");
}

TEST(Endpoints, RegionIsReadFromAnAccountsEndpoint) {
  EXPECT_EQ(region_of_endpoint("a1-ats.iot.eu-central-1.amazonaws.com"), "eu-central-1");
  EXPECT_EQ(region_of_endpoint("a1.credentials.iot.us-gov-west-1.amazonaws.com:443"), "us-gov-west-1");
  EXPECT_EQ(region_of_endpoint("a1.ats.iot.cn-north-1.amazonaws.com.cn"), "cn-north-1");
  for (const auto* other : {"iot.example.com", "127.0.0.1:8883", "a.iot.eu-central-1.example.com", "",
                            "a.iot.cn-north-1.amazonaws.com", "a.iot.xx.amazonaws.com"}) {
    EXPECT_FALSE(region_of_endpoint(other)) << other;
  }
}

TEST(Xml, TextIsFoundByItsWay) {
  const auto* document =
      "<?xml version=\"1.0\"?>\n<a xmlns=\"x\"><e/><b><c>no</c></b><s:d><c k='v'>&lt;yes &amp; "
      "&#x41;&#66;</c></s:d></a>";
  EXPECT_EQ(xml_text(document, {"a", "d", "c"}), "<yes & AB");
  EXPECT_EQ(xml_text(document, {"a", "b", "c"}), "no");
  EXPECT_FALSE(xml_text(document, {"d", "c"}));
  EXPECT_FALSE(xml_text(document, {"a", "e"}));
}

TEST(Xml, WithADocumentTypeOrBrokenIsRefused) {
  for (const auto* text : {"<!DOCTYPE a [<!ENTITY x \"y\">]><a><b>&x;</b></a>", "<a><!-- --><b>1</b></a>",
                           "<a></c><b>1</b></a>", "<a><b>&unknown;</b></a>", "<a><b>&#0;</b></a>",
                           "<a><b>&#x110000;</b></a>", "<a><b>1", "<a", "<>", "</a>", ""}) {
    EXPECT_FALSE(xml_text(text, {"a", "b"})) << text;
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "<a>";
  EXPECT_FALSE(xml_text(deep, {"b"}));
}

TEST(Json, OfOthersIsBounded) {
  EXPECT_TRUE(parse_object("{\"a\":\"[[[\"}", 100));
  EXPECT_FALSE(parse_object("{\"a\":1}", 3));
  EXPECT_FALSE(parse_object("{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}", 1000));
  EXPECT_FALSE(parse_object("7", 100));
  EXPECT_EQ(dumped({{"a", "\xff"}}), "{\"a\":\"\xEF\xBF\xBD\"}");
}

HttpResponse answer(unsigned status, std::string body, Headers headers = {}) {
  return {status, std::move(headers), std::move(body)};
}

TEST(ServiceError, IsReadFromEachOfTheShapes) {
  const auto json = service_error(
      answer(
          400,
          R"({"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no"})"),
      "dynamodb UpdateItem at h");
  EXPECT_EQ(json.code, "ConditionalCheckFailedException");
  EXPECT_EQ(json.kind, Error::Kind::conflict);
  EXPECT_EQ(json.text, "dynamodb UpdateItem at h: HTTP 400 ConditionalCheckFailedException: no");
  const auto header =
      service_error(answer(404, R"({"Message":"gone"})",
                           {{"x-amzn-errortype", "ResourceNotFoundException:http://internal/x/"}}),
                    "x");
  EXPECT_EQ(header.code, "ResourceNotFoundException");
  EXPECT_EQ(header.kind, Error::Kind::not_found);
  const auto xml =
      service_error(answer(403,
                           "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>"
                           "<Type>Sender</Type><Code>AccessDenied</Code><Message>not you</Message></Error>"
                           "<RequestId>1</RequestId></ErrorResponse>"),
                    "x");
  EXPECT_EQ(xml.code, "AccessDenied");
  EXPECT_EQ(xml.kind, Error::Kind::denied);
  EXPECT_EQ(xml.text, "x: HTTP 403 AccessDenied: not you");
}

TEST(ServiceError, ThrottlingIsRecognisedWhateverTheStatus) {
  for (const auto* code : {"ThrottlingException", "ProvisionedThroughputExceededException",
                           "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"}) {
    const auto error = service_error(answer(400, std::string(R"({"__type":")") + code + "\"}"), "x");
    EXPECT_EQ(error.kind, Error::Kind::throttled) << code;
    EXPECT_TRUE(error.passing());
  }
  const auto bare = service_error(answer(429, "", {{"retry-after", "7"}}), "x");
  EXPECT_EQ(bare.kind, Error::Kind::throttled);
  EXPECT_EQ(bare.retry_after, std::chrono::seconds(7));
}

TEST(ServiceError, KindFollowsTheStatusWhereNoWordIsKnown) {
  EXPECT_EQ(service_error(answer(500, "<html>"), "x").kind, Error::Kind::unavailable);
  EXPECT_EQ(service_error(answer(504, ""), "x").kind, Error::Kind::unavailable);
  EXPECT_EQ(service_error(answer(401, ""), "x").kind, Error::Kind::denied);
  EXPECT_EQ(service_error(answer(409, "{}"), "x").kind, Error::Kind::conflict);
  EXPECT_EQ(service_error(answer(410, R"({"code":"LimitExceededException"})"), "x").kind,
            Error::Kind::invalid);
  EXPECT_EQ(service_error(answer(302, ""), "x").kind, Error::Kind::protocol);
}

TEST(ServiceError, WordsOfOthersAreMadeFitForALog) {
  const auto error = service_error(
      answer(400, R"({"__type":"a\nb","message":")" + std::string(5000, 'x') + R"(\u001b[31m"})"), "x");
  EXPECT_EQ(error.code, "");
  EXPECT_LT(error.text.size(), 600U);
  EXPECT_EQ(service_error(answer(400, R"({"message":"a\r\nb"})"), "x").text, "x: HTTP 400: a  b");
}

TEST(Credentials, AreReadFromTheEnvironmentOfAFunction) {
  std::map<std::string, std::string, std::less<>> variables = {
      {"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"}, {"AWS_SECRET_ACCESS_KEY", "SK"}, {"AWS_SESSION_TOKEN", "ST"}};
  const Environment environment = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  const auto keys = credentials_from(environment);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->session_token, "ST");
  variables.erase("AWS_SECRET_ACCESS_KEY");
  const auto missing = credentials_from(environment);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().text.find("AWS_SECRET_ACCESS_KEY"), std::string::npos);
  EXPECT_EQ(missing.error().text.find("AKIDEXAMPLE"), std::string::npos);
}

}  // namespace
}  // namespace sluice::aws
