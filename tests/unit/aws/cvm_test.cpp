// The vending contract, read strictly on both sides.
#include "aws/cvm.hpp"

#include <gtest/gtest.h>

namespace sluice::aws::cvm {
namespace {

const std::string kCsr = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n";

Vended vended() {
  return {"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
          std::string(64, 'a'),
          "arn:aws:iot:eu-central-1:123456789012:cert/" + std::string(64, 'a'),
          "dev-1",
          "thermo",
          "eu-central-1",
          "a-ats.iot.eu-central-1.amazonaws.com",
          "a.credentials.iot.eu-central-1.amazonaws.com",
          "sluice-device",
          ""};
}

std::string problem(std::string_view body) {
  const auto request = parse_request(body);
  if (request) return "";
  EXPECT_EQ(request.error().kind, Error::Kind::invalid);
  EXPECT_EQ(request.error().code, "BadRequest");
  return request.error().text;
}

TEST(Cvm, RequestComesBackAsItWasWritten) {
  const Request request{"dev-1", "t0ken\"\\ \u00e4", kCsr, "eu-central-1"};
  const auto read = parse_request(to_json(request));
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->productid, request.productid);
  EXPECT_EQ(read->access_token, request.access_token);
  EXPECT_EQ(read->csr, request.csr);
  EXPECT_EQ(read->region, request.region);
}

TEST(Cvm, RequestNeedsNoRegion) {
  const auto read = parse_request(to_json(Request{"dev-1", "t", kCsr, ""}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->region, "");
}

TEST(Cvm, SaysWhatIsWrongWithARequest) {
  EXPECT_EQ(problem("["), "the body is no JSON object");
  EXPECT_EQ(problem("[]"), "the body is no JSON object");
  EXPECT_EQ(problem(std::string(17000, ' ')), "the body has more than 16384 bytes");
  EXPECT_EQ(problem(std::string(10000, '[')), "the body is no JSON object");
  EXPECT_EQ(problem("{}"), "\"productid\" is missing");
  EXPECT_EQ(problem(R"({"productid":7})"), "\"productid\" must be a string");
  EXPECT_EQ(problem(R"({"productid":""})"), "\"productid\" is empty");
  EXPECT_EQ(problem(to_json(Request{std::string(129, 'a'), "t", kCsr, ""})),
            "\"productid\" has 129 bytes; at most 128");
  EXPECT_EQ(problem(to_json(Request{"a/b", "t", kCsr, ""})),
            "\"productid\" may have letters, digits, ':', '_' and '-' only");
  EXPECT_EQ(problem(to_json(Request{"a", std::string(1025, 't'), kCsr, ""})),
            "\"accessToken\" has 1025 bytes; at most 1024");
  EXPECT_EQ(problem(to_json(Request{"a", "t", kCsr + std::string(4096, 'x'), ""})).substr(0, 9),
            "\"csr\" has");
  EXPECT_EQ(problem(to_json(Request{"a", "t", "MIIB", ""})),
            "\"csr\" must be a certificate signing request in PEM");
  EXPECT_EQ(problem(to_json(Request{"a", "t", kCsr, "../x"})), "\"region\" is no region, like eu-central-1");
}

TEST(Cvm, TakesNamesAndTokensOfTheLongestLength) {
  EXPECT_EQ(problem(to_json(Request{std::string(128, 'a'), std::string(1024, 't'), kCsr, ""})), "");
}

TEST(Cvm, AnswerComesBackAsItWasWritten) {
  const auto read = parse_response(200, to_json(vended()), "");
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->certificate_pem, vended().certificate_pem);
  EXPECT_EQ(read->thing_name, "dev-1");
  EXPECT_EQ(read->data_endpoint, vended().data_endpoint);
  EXPECT_EQ(read->role_alias, "sluice-device");
}

TEST(Cvm, AnAnswerThatBreaksTheContractIsNotTaken) {
  const auto broken = [](const std::function<void(Vended&)>& change) {
    auto v = vended();
    change(v);
    const auto read = parse_response(200, to_json(v), "");
    return !read && read.error().kind == Error::Kind::protocol;
  };
  EXPECT_FALSE(broken([](Vended&) {}));
  EXPECT_TRUE(broken([](Vended& v) { v.certificate_pem = "MIIB"; }));
  EXPECT_TRUE(broken([](Vended& v) { v.certificate_id = "a"; }));
  EXPECT_TRUE(broken([](Vended& v) { v.certificate_id = std::string(64, 'G'); }));
  EXPECT_TRUE(broken([](Vended& v) { v.thing_name = "a/#"; }));
  EXPECT_TRUE(broken([](Vended& v) { v.thing_name = ""; }));
  EXPECT_TRUE(broken([](Vended& v) { v.data_endpoint = "a b"; }));
  EXPECT_TRUE(broken([](Vended& v) { v.data_endpoint = "a\nb"; }));
  for (const auto* body : {"", "null", "<html>", "{}", "[]"}) {
    const auto read = parse_response(200, body, "");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind, Error::Kind::protocol) << body;
  }
}

Error refused(unsigned status, const std::string& body, const std::string& retry_after = "") {
  const auto read = parse_response(status, body, retry_after);
  EXPECT_FALSE(read);
  return read ? Error{} : read.error();
}

std::string shape(const std::string& code, std::optional<unsigned> after = {}) {
  return to_json(Refusal{0, code, "because", after});
}

TEST(Cvm, RefusalsAreToldApart) {
  EXPECT_EQ(refused(400, shape("BadRequest")).kind, Error::Kind::invalid);
  EXPECT_EQ(refused(401, shape("Unauthorized")).kind, Error::Kind::denied);
  EXPECT_EQ(refused(403, shape("Forbidden")).kind, Error::Kind::denied);
  EXPECT_EQ(refused(409, shape("AlreadyRegistered")).kind, Error::Kind::conflict);
  EXPECT_EQ(refused(409, shape("InProgress", 2)).kind, Error::Kind::unavailable);
  EXPECT_EQ(refused(429, shape("TooManyRequests")).kind, Error::Kind::throttled);
  EXPECT_EQ(refused(503, shape("Unavailable")).kind, Error::Kind::unavailable);
  EXPECT_EQ(refused(401, shape("Unauthorized")).code, "Unauthorized");
  EXPECT_NE(refused(401, shape("Unauthorized")).text.find("because"), std::string::npos);
}

TEST(Cvm, ARefusalOfTheFrontSaysNothingOfTheToken) {
  for (const auto* body : {R"({"message":"Missing Authentication Token"})", R"({"message":"Forbidden"})", "",
                           "<html>", R"({"error":"denied"})", R"({"error":{"code":7}})"}) {
    EXPECT_EQ(refused(403, body).kind, Error::Kind::unavailable) << body;
    EXPECT_EQ(refused(401, body).kind, Error::Kind::unavailable) << body;
    EXPECT_EQ(refused(404, body).kind, Error::Kind::unavailable) << body;
  }
  EXPECT_EQ(refused(502, "<html>Bad Gateway").kind, Error::Kind::unavailable);
  EXPECT_EQ(refused(429, "").kind, Error::Kind::throttled);
}

TEST(Cvm, RetryAfterIsTakenFromTheHeaderThenFromTheBody) {
  EXPECT_EQ(refused(429, shape("TooManyRequests", 7), "3").retry_after, std::chrono::seconds(3));
  EXPECT_EQ(refused(429, shape("TooManyRequests", 7)).retry_after, std::chrono::seconds(7));
  EXPECT_EQ(refused(429, shape("TooManyRequests", 7), "soon").retry_after, std::chrono::seconds(7));
  EXPECT_FALSE(refused(429, shape("TooManyRequests", 4000000), "4000000000").retry_after);
}

TEST(CvmAuthorizerHeaders, CarryTheTokenOnlyIfAHeaderCan) {
  const auto headers = [](const char* token) { return authorizer_headers("gw-1", token); };
  using Headers = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(headers("s3cret+/="), (Headers{{"productid", "gw-1"}, {"accesstoken", "s3cret+/="}}));
  for (const char* token : {"", "two words", "line\r\nx-evil: 1", "schl\xc3\xbcssel", "\x7f"})
    EXPECT_TRUE(headers(token).empty()) << token;
}

TEST(CvmRetire, RequestComesBackAsItWasWritten) {
  for (const auto& keep : {std::string(), std::string(64, 'a')}) {
    const auto read = parse_retire_request(to_json(RetireRequest{"dev-1", "t", keep}));
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->productid, "dev-1");
    EXPECT_EQ(read->access_token, "t");
    EXPECT_EQ(read->keep, keep);
  }
}

TEST(CvmRetire, AKeepThatIsNoCertificateIdIsNoRequestToKeepNone) {
  for (const auto* keep : {"\"\"", "null", "7", "\"abc\"",
                           "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""}) {
    const auto read =
        parse_retire_request(R"({"productid":"d","accessToken":"t","keep":)" + std::string(keep) + "}");
    ASSERT_FALSE(read) << keep;
    EXPECT_NE(read.error().text.find("\"keep\" must be"), std::string::npos) << read.error().text;
  }
}

TEST(CvmRetire, AnswerIsReadAsItWasWrittenAndNothingElseIs) {
  const std::vector<std::string> ids = {std::string(64, 'a'), std::string(64, 'b')};
  const auto read = parse_retire_response(200, retired_json(ids), "");
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(*read, ids);
  EXPECT_TRUE(parse_retire_response(200, retired_json({}), "")->empty());
  for (const auto* body : {"", "{}", R"({"retired":7})", R"({"retired":[7]})", R"({"retired":["x"]})"})
    EXPECT_EQ(parse_retire_response(200, body, "").error().kind, Error::Kind::protocol) << body;
  // An API that is older than this request: nothing is said of the token.
  EXPECT_EQ(parse_retire_response(403, R"({"message":"Missing Authentication Token"})", "").error().kind,
            Error::Kind::unavailable);
  EXPECT_EQ(parse_retire_response(401, to_json(Refusal{401, "Unauthorized", "no", {}}), "").error().kind,
            Error::Kind::denied);
}

}  // namespace
}  // namespace sluice::aws::cvm
