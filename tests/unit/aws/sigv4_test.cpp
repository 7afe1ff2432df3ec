// Signatures against botocore's (vectors/make.py), AWS IoT's WebSocket form, and a server's check of them.
#include "aws/sigv4.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "aws/digest.hpp"
#include "aws/sigv4_canonical.hpp"
#include "aws/time_text.hpp"

namespace sluice::aws {
namespace {

const Credentials kKeys{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
const std::string kToken = "FwoGZXIvYXdzEXAMPLE//+token==";

std::chrono::sys_seconds noon() { return parse_amz_time("20240115T120000Z").value(); }

SigningScope scope_of(std::string region, std::string service) {
  SigningScope scope;
  scope.region = std::move(region);
  scope.service = std::move(service);
  scope.time = noon();
  return scope;
}

void each_botocore_case(
    const std::function<void(const nlohmann::json&, const HttpRequest&, const Credentials&)>& check) {
  std::ifstream file(VECTORS "/botocore.json");
  const auto vectors = nlohmann::json::parse(file);
  ASSERT_EQ(vectors.at("time"), amz_time(noon()));
  ASSERT_GE(vectors.at("cases").size(), 20U);
  for (const auto& c : vectors.at("cases")) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    HttpRequest request;
    request.method = c.at("method");
    request.url = c.at("url");
    request.body = c.at("body");
    for (const auto& [name, value] : c.at("headers").items()) request.headers.emplace_back(name, value);
    auto keys = kKeys;
    keys.session_token = c.at("token");
    check(c, request, keys);
  }
}

TEST(SigV4, HeaderSignaturesEqualBotocores) {
  each_botocore_case([](const auto& c, HttpRequest request, const Credentials& keys) {
    const auto scope = scope_of(c.at("region"), c.at("service"));
    EXPECT_EQ(canonical_request(request, keys, scope), c.at("canonical").template get<std::string>());
    sign(request, keys, scope);
    EXPECT_EQ(request.headers.back().first, "authorization");
    EXPECT_EQ(request.headers.back().second, c.at("authorization").template get<std::string>());
  });
}

TEST(SigV4, QuerySignaturesEqualBotocores) {
  each_botocore_case([](const auto& c, const HttpRequest& request, const Credentials& keys) {
    if (!c.contains("signature_in_query")) return;
    const auto url =
        presign(request, keys, scope_of(c.at("region"), c.at("service")), std::chrono::seconds(900));
    EXPECT_TRUE(url.ends_with("&X-Amz-Signature=" + c.at("signature_in_query").template get<std::string>()))
        << url;
  });
}

TEST(SigV4, AServerAcceptsWhatWasSignedAndNamesTheSigner) {
  each_botocore_case([](const auto& c, HttpRequest request, const Credentials& keys) {
    sign(request, keys, scope_of(c.at("region"), c.at("service")));
    const auto outcome = verify(request, [&](std::string_view) { return keys; }, noon());
    ASSERT_TRUE(outcome) << outcome.error().text;
    EXPECT_EQ(outcome->access_key_id, "AKIDEXAMPLE");
    EXPECT_EQ(outcome->region, c.at("region").template get<std::string>());
    EXPECT_EQ(outcome->service, c.at("service").template get<std::string>());
  });
}

TEST(SigV4, SigningAgainReplacesTheSignature) {
  HttpRequest request;
  request.url = "https://iot.eu-central-1.amazonaws.com/things";
  sign(request, kKeys, scope_of("eu-central-1", "iot"));
  const auto first = request.headers;
  sign(request, kKeys, scope_of("eu-central-1", "iot"));
  EXPECT_EQ(request.headers, first);
}

// AWS IoT's WebSocket URL: vectors computed by two independent signers.
constexpr std::string_view kEndpoint = "a1b2c3d4e5f6g7-ats.iot.us-east-1.amazonaws.com";

TEST(SigV4, WebSocketUrlCarriesTheKnownSignature) {
  const auto url = presign_iot_websocket(kEndpoint, "us-east-1", kKeys, noon());
  EXPECT_TRUE(url.starts_with(
      "wss://" + std::string(kEndpoint) +
      "/mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256&"
      "X-Amz-Credential=AKIDEXAMPLE%2F20240115%2Fus-east-1%2Fiotdevicegateway%2Faws4_request&"));
  EXPECT_TRUE(
      url.ends_with("&X-Amz-Signature=866dacd958ff53badfa5069d13dc675d35bbeb4e1ab62167cd14485b3302c070"));
  HttpRequest request;
  request.url = "wss://" + std::string(kEndpoint) + "/mqtt";
  EXPECT_EQ(sha256_hex(canonical_presigned(request, kKeys, scope_of("us-east-1", "iotdevicegateway"), {})),
            "f6672dcd8530c2e0d9b92c79cbf4e7a3fcd9f84b92c517904b98ff543bf390f4");
}

TEST(SigV4, WebSocketUrlWithExpiryCarriesTheKnownSignature) {
  const auto url = presign_iot_websocket(kEndpoint, "us-east-1", kKeys, noon(), std::chrono::seconds(86400));
  EXPECT_TRUE(
      url.ends_with("&X-Amz-Signature=8b6f43513414e445b1dda9fc9114b75ff7c044eef7f6548a52e93034a9ab3d39"));
  EXPECT_NE(url.find("&X-Amz-Expires=86400&"), std::string::npos);
}

TEST(SigV4, WebSocketUrlHasItsTokenAfterTheSignatureAndUnsigned) {
  auto keys = kKeys;
  keys.session_token = kToken;
  const auto without = presign_iot_websocket(kEndpoint, "us-east-1", kKeys, noon());
  EXPECT_EQ(presign_iot_websocket(kEndpoint, "us-east-1", keys, noon()),
            without + "&X-Amz-Security-Token=FwoGZXIvYXdzEXAMPLE%2F%2F%2Btoken%3D%3D");
}

class SigV4Check : public testing::Test {
 protected:
  SigV4Check() {
    request.method = "POST";
    request.url = "https://iot.eu-central-1.amazonaws.com/things/t?a=1";
    request.headers = {{"content-type", "application/json"}};
    request.body = "{}";
    sign(request, keys, scope_of("eu-central-1", "iot"));
  }
  std::string refusal() const {
    const auto outcome = verify(request, secret_of, now);
    if (outcome) return "accepted";
    EXPECT_EQ(outcome.error().kind, Error::Kind::denied);
    EXPECT_EQ(outcome.error().text.find(keys.secret_access_key), std::string::npos);
    return outcome.error().code;
  }
  std::string& value_of(std::string_view name) {
    for (auto& [key, value] : request.headers) {
      if (key == name) return value;
    }
    request.headers.emplace_back(name, "");
    return request.headers.back().second;
  }

  Credentials keys = kKeys;
  HttpRequest request;
  std::chrono::sys_seconds now = noon();
  std::function<std::optional<Credentials>(std::string_view)> secret_of = [this](std::string_view id) {
    return id == keys.access_key_id ? std::optional(keys) : std::nullopt;
  };
};

TEST_F(SigV4Check, AcceptsTheUnchangedRequest) { EXPECT_EQ(refusal(), "accepted"); }

TEST_F(SigV4Check, RefusesAChangedBodyPathQueryMethodOrSignedHeader) {
  const auto good = request;
  request.body = "{ }";
  EXPECT_EQ(refusal(), "SignatureDoesNotMatch");
  request = good;
  request.url = "https://iot.eu-central-1.amazonaws.com/things/u?a=1";
  EXPECT_EQ(refusal(), "SignatureDoesNotMatch");
  request = good;
  request.url += "&b=2";
  EXPECT_EQ(refusal(), "SignatureDoesNotMatch");
  request = good;
  request.method = "PUT";
  EXPECT_EQ(refusal(), "SignatureDoesNotMatch");
  request = good;
  value_of("content-type") = "text/plain";
  EXPECT_EQ(refusal(), "SignatureDoesNotMatch");
}

TEST_F(SigV4Check, AcceptsAHeaderThatWasAddedOnTheWay) {
  value_of("x-forwarded-for") = "10.0.0.1";
  EXPECT_EQ(refusal(), "accepted");
}

TEST_F(SigV4Check, RefusesAnotherSecret) {
  keys.secret_access_key = "another";
  EXPECT_EQ(refusal(), "SignatureDoesNotMatch");
}

TEST_F(SigV4Check, RefusesAnUnknownKeyAndAWrongToken) {
  keys.session_token = kToken;  // the server knows a token, the request carries none
  EXPECT_EQ(refusal(), "UnrecognizedClientException");
  keys = {"AKIDOTHER", "x", ""};
  EXPECT_EQ(refusal(), "UnrecognizedClientException");
}

TEST_F(SigV4Check, RefusesATimeThatIsMoreThanFiveMinutesOff) {
  now = noon() + std::chrono::seconds(300);
  EXPECT_EQ(refusal(), "accepted");
  now = noon() + std::chrono::seconds(301);
  EXPECT_EQ(refusal(), "SignatureDoesNotMatch");
  now = noon() - std::chrono::seconds(301);
  EXPECT_EQ(refusal(), "SignatureDoesNotMatch");
}

TEST_F(SigV4Check, RefusesWhatCarriesNoWholeSignature) {
  value_of("authorization") = "";
  EXPECT_EQ(refusal(), "MissingAuthenticationTokenException");
  for (const auto* text : {"Basic YTpi", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/c", ", , ,",
                           "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240115/r/s/aws4_request, "
                           "SignedHeaders=host, Signature=0"}) {
    value_of("authorization") = text;
    EXPECT_EQ(refusal(), "IncompleteSignatureException") << text;
  }
}

TEST_F(SigV4Check, RefusesADateThatIsNotTheCredentials) {
  value_of("x-amz-date") = "20240116T120000Z";
  EXPECT_EQ(refusal(), "IncompleteSignatureException");
  value_of("x-amz-date") = "yesterday";
  EXPECT_EQ(refusal(), "IncompleteSignatureException");
}

}  // namespace
}  // namespace sluice::aws
