// AWS's control plane over HTTP(S), as SDKs speak it: signatures, paths, shapes, errors, pages.
#include <gtest/gtest.h>

#include "aws/url.hpp"
#include "cloud/local/control/router.hpp"
#include "cloud/local/files.hpp"
#include "tests/unit/cloud/csr.hpp"
#include "tests/unit/cloud/house_http.hpp"

namespace sluice::cloud::test {
namespace {

using nlohmann::json;

constexpr const char* kPolicy =
    R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}})";

struct Path {
  const char *method, *path, *operation;
};
struct Paths : testing::TestWithParam<Path> {};

TEST_P(Paths, LeadToTheirOperation) {
  control::Fields fields;
  const auto* operation = control::find_operation(GetParam().method, GetParam().path, fields);
  EXPECT_EQ(operation != nullptr ? operation->name : "none", GetParam().operation);
}

INSTANTIATE_TEST_SUITE_P(
    All, Paths,
    testing::Values(Path{"POST", "/things/a", "CreateThing"}, Path{"GET", "/things", "ListThings"},
                    Path{"GET", "/things/", "ListThings"},
                    Path{"PUT", "/things/a/principals", "AttachThingPrincipal"},
                    Path{"GET", "/principals/things", "ListPrincipalThings"},
                    Path{"POST", "/attached-policies/arn%3Aaws%3Aiot%3Ar%3Aa%3Acert%2Fx",
                         "ListAttachedPolicies"},
                    Path{"POST", "/certificate/register-no-ca", "RegisterCertificateWithoutCA"},
                    Path{"POST", "/provisioning-templates/T/provisioning-claim", "CreateProvisioningClaim"},
                    Path{"GET", "/things/a/b/c", "none"}, Path{"DELETE", "/things", "none"},
                    Path{"GET", "", "none"}, Path{"GET", "things", "none"}));

TEST(ControlPlane, TakesOnlySignedRequests) {
  House house;
  const auto port = house.cloud->ports().control;
  EXPECT_EQ(http(house, port, "GET", "/things").error(), "403 MissingAuthenticationTokenException");
  const auto ask = [&](const aws::HttpRequest& request) {
    HttpExchange exchange(house, port, request);
    house.until([&] { return exchange.done(); });
    return exchange.reply().error();
  };
  EXPECT_EQ(ask(signed_request(house, "GET", "/things")), "none");
  aws::Credentials other = admin_keys(house);
  other.secret_access_key += "x";
  EXPECT_EQ(ask(signed_request(house, "GET", "/things", "", {}, other)), "403 SignatureDoesNotMatch");
  EXPECT_EQ(ask(signed_request(house, "GET", "/things", "", {}, {}, "us-east-1")),
            "403 InvalidSignatureException");
  auto changed = signed_request(house, "POST", "/things/a", "{}");
  changed.url = "https://127.0.0.1/things/b";
  EXPECT_EQ(ask(changed), "403 SignatureDoesNotMatch");
  auto late = signed_request(house, "GET", "/things");
  house.pass(6min);
  EXPECT_NE(ask(late), "none");
}

TEST(ControlPlane, AnswersInClearOverLoopback) {
  House house;
  auto request = signed_request(house, "GET", "/endpoint?endpointType=iot%3AData-ATS");
  request.url.replace(0, 5, "http");
  HttpExchange exchange(house, house.cloud->ports().control, request);
  ASSERT_TRUE(house.until([&] { return exchange.done(); }));
  EXPECT_EQ(exchange.reply().json()["endpointAddress"],
            "127.0.0.1:" + std::to_string(house.cloud->ports().mqtt));
}

TEST(ControlPlane, KeepsThingsAndListsThemInPages) {
  House house;
  for (const char* name : {"c", "a", "b"})
    EXPECT_EQ(control(house, "POST", std::string("/things/") + name,
                      {{"attributePayload", {{"attributes", {{"n", name}}}}}})
                  .status,
              200U);
  const auto first = control(house, "GET", "/things?maxResults=2").json();
  ASSERT_EQ(first["things"].size(), 2U);
  EXPECT_EQ(first["things"][0]["thingName"], "a");
  const auto second =
      control(house, "GET",
              "/things?maxResults=2&nextToken=" + aws::percent_encode(first["nextToken"].get<std::string>()))
          .json();
  ASSERT_EQ(second["things"].size(), 1U);
  EXPECT_EQ(second["things"][0]["thingName"], "c");
  EXPECT_FALSE(second.contains("nextToken"));
  EXPECT_EQ(control(house, "GET", "/things?attributeName=n&attributeValue=b").json()["things"].size(), 1U);
  EXPECT_EQ(control(house, "GET", "/things?maxResults=0").error(), "400 InvalidRequestException");
  EXPECT_EQ(control(house, "GET", "/things/nobody").error(), "404 ResourceNotFoundException");
  EXPECT_EQ(control(house, "POST", "/things/a", json::object()).error(),
            "409 ResourceAlreadyExistsException");
}

TEST(ControlPlane, ChangesThingsWithTheirVersion) {
  House house;
  control(house, "POST", "/things/a", {{"attributePayload", {{"attributes", {{"x", "1"}, {"y", "1"}}}}}});
  EXPECT_EQ(control(house, "PATCH", "/things/a", {{"expectedVersion", 7}}).error(),
            "409 VersionConflictException");
  EXPECT_EQ(control(house, "PATCH", "/things/a",
                    {{"expectedVersion", 1},
                     {"attributePayload", {{"attributes", {{"x", "2"}, {"y", ""}}}, {"merge", true}}}})
                .status,
            200U);
  const auto thing = control(house, "GET", "/things/a").json();
  EXPECT_EQ(thing["attributes"], (json{{"x", "2"}}));
  EXPECT_EQ(thing["version"], 2);
  EXPECT_EQ(thing["thingId"].get<std::string>().size(), 36U);
}

TEST(ControlPlane, GivesACertificateThatTheBrokerTakes) {
  House house;
  const auto pair = make_csr("gw-1");
  const auto made =
      control(house, "POST", "/certificates?setAsActive=true", {{"certificateSigningRequest", pair.csr}})
          .json();
  const auto arn = made["certificateArn"].get<std::string>();
  ASSERT_EQ(control(house, "POST", "/things/gw-1", json::object()).status, 200U);
  ASSERT_EQ(control(house, "PUT", "/target-policies/default", {{"target", arn}}).status, 200U);
  ASSERT_EQ(control(house, "PUT", "/things/gw-1/principals", nullptr, {{"x-amzn-principal", arn}}).status,
            200U);
  auto peer = house.tls_peer_of(made["certificatePem"], pair.key);
  peer->send(bytes_of(connect_packet("gw-1")));
  const auto connack = house.next_packet(*peer);
  ASSERT_EQ(type_of(connack), mqtt::PacketType::connack);
  EXPECT_EQ(reason_of(connack), 0);

  EXPECT_EQ(control(house, "POST", "/attached-policies/" + aws::percent_encode(arn))
                .json()["policies"][0]["policyName"],
            "default");
  EXPECT_EQ(control(house, "POST", "/policy-targets/default").json()["targets"], json::array({arn}));
  EXPECT_EQ(
      control(house, "GET", "/principals/things", nullptr, {{"x-amzn-principal", arn}}).json()["things"],
      json::array({"gw-1"}));

  ASSERT_EQ(control(house, "PUT",
                    "/certificates/" + made["certificateId"].get<std::string>() + "?newStatus=INACTIVE")
                .status,
            200U);
  house.pass(6s);
  EXPECT_EQ(type_of(house.next_packet(*peer)), mqtt::PacketType::disconnect)
      << "within seconds, as the promise says";
}

TEST(ControlPlane, DescribesAndListsCertificates) {
  House house;
  const auto made = control(house, "POST", "/keys-and-certificate?setAsActive=false").json();
  EXPECT_NE(made["keyPair"]["PrivateKey"].get<std::string>().find("PRIVATE KEY"), std::string::npos);
  const auto id = made["certificateId"].get<std::string>();
  const auto description = control(house, "GET", "/certificates/" + id).json()["certificateDescription"];
  EXPECT_EQ(description["status"], "INACTIVE");
  EXPECT_EQ(description["certificatePem"], made["certificatePem"]);
  EXPECT_EQ(description["validity"]["notAfter"], 2524607999);
  EXPECT_EQ(control(house, "GET", "/certificates").json()["certificates"].size(), 2U)
      << "the claim, and this";
  EXPECT_EQ(control(house, "DELETE", "/certificates/" + id).status, 200U);
  EXPECT_EQ(control(house, "GET", "/certificates/" + id).error(), "404 ResourceNotFoundException");
}

TEST(ControlPlane, TakesAnAuthorityOnlyFromWhoHasItsKey) {
  House house;
  const auto own = make_authority("A maker", house.clock.wall());
  const auto code = control(house, "GET", "/registrationcode").json()["registrationCode"].get<std::string>();
  EXPECT_EQ(code.size(), 64U);
  EXPECT_EQ(control(house, "GET", "/registrationcode").json()["registrationCode"], code) << "it stays";
  const auto proof = issue_certificate(*own, make_csr(code).csr, house.clock.wall());
  const auto wrong_code = issue_certificate(*own, make_csr("something else").csr, house.clock.wall());
  const auto stranger = make_authority("A thief", house.clock.wall());
  const auto wrong_key = issue_certificate(*stranger, make_csr(code).csr, house.clock.wall());
  const auto ask = [&](json more) {
    more["caCertificate"] = own->certificate;
    return control(house, "POST", "/cacertificate?setAsActive=true&allowAutoRegistration=true", more);
  };
  EXPECT_EQ(ask({}).error(), "400 InvalidRequestException");
  EXPECT_EQ(ask({{"verificationCertificate", *wrong_code}}).error(),
            "400 RegistrationCodeValidationException");
  EXPECT_EQ(ask({{"verificationCertificate", *wrong_key}}).error(), "400 CertificateValidationException");
  EXPECT_EQ(
      ask({{"verificationCertificate", *proof}, {"registrationConfig", {{"templateName", "none"}}}}).error(),
      "404 ResourceNotFoundException");
  const auto made = ask({{"verificationCertificate", *proof}});
  ASSERT_EQ(made.status, 200U) << made.body;
  EXPECT_EQ(ask({{"verificationCertificate", *proof}}).error(), "409 ResourceAlreadyExistsException");
  const auto id = made.json()["certificateId"].get<std::string>();
  EXPECT_EQ(control(house, "GET", "/cacertificate/" + id)
                .json()["certificateDescription"]["autoRegistrationStatus"],
            "ENABLE");
  EXPECT_EQ(control(house, "GET", "/cacertificates").json()["certificates"].size(), 1U);

  const auto device = make_client_certificate(*own, "d-1", house.clock.wall());
  EXPECT_EQ(control(house, "POST", "/certificate/register",
                    {{"certificatePem", device->certificate},
                     {"caCertificatePem", own->certificate},
                     {"status", "ACTIVE"}})
                .status,
            200U);
  EXPECT_EQ(control(house, "GET", "/certificates-by-ca/" + id).json()["certificates"].size(), 1U);

  EXPECT_EQ(control(house, "DELETE", "/cacertificate/" + id).error(), "406 CertificateStateException");
  EXPECT_EQ(control(house, "PUT", "/cacertificate/" + id + "?newStatus=INACTIVE").status, 200U);
  EXPECT_EQ(control(house, "DELETE", "/cacertificate/" + id).status, 200U);
}

TEST(ControlPlane, KeepsTemplatesAliasesAndTypes) {
  House house;
  const json body = {{"templateName", "mine"},
                     {"templateBody", R"({"Resources":{"t":{"Type":"AWS::IoT::Thing"}}})"},
                     {"provisioningRoleArn", "arn:aws:iam::123456789012:role/p"},
                     {"enabled", true}};
  EXPECT_EQ(control(house, "POST", "/provisioning-templates", body).status, 200U);
  EXPECT_EQ(control(house, "POST", "/provisioning-templates", body).error(),
            "409 ResourceAlreadyExistsException");
  EXPECT_EQ(control(house, "GET", "/provisioning-templates").json()["templates"].size(), 3U)
      << "fleet, jitp, and this";
  EXPECT_EQ(control(house, "GET", "/provisioning-templates/mine").json()["templateBody"],
            body["templateBody"]);
  EXPECT_EQ(control(house, "DELETE", "/provisioning-templates/mine").status, 200U);

  const json role = {{"roleArn", "arn:aws:iam::123456789012:role/r"}, {"credentialDurationSeconds", 900}};
  EXPECT_EQ(control(house, "POST", "/role-aliases/r", role).status, 200U);
  EXPECT_EQ(control(house, "POST", "/role-aliases/r", role).error(), "409 ResourceAlreadyExistsException");
  EXPECT_EQ(control(house, "PUT", "/role-aliases/r", {{"credentialDurationSeconds", 10}}).error(),
            "400 InvalidRequestException");
  EXPECT_EQ(
      control(house, "GET", "/role-aliases/r").json()["roleAliasDescription"]["credentialDurationSeconds"],
      900);
  EXPECT_EQ(control(house, "GET", "/role-aliases").json()["roleAliases"], (json::array({"gateway", "r"})));

  EXPECT_EQ(control(house, "POST", "/thing-types/thermo",
                    {{"thingTypeProperties", {{"thingTypeDescription", "d"}}}})
                .status,
            200U);
  EXPECT_EQ(control(house, "POST", "/things/typed", {{"thingTypeName", "thermo"}}).status, 200U);
  EXPECT_EQ(control(house, "DELETE", "/thing-types/thermo").error(), "400 InvalidRequestException");
  EXPECT_EQ(control(house, "POST", "/thing-types/thermo/deprecate", json::object()).status, 200U);
  house.pass(301s);
  EXPECT_EQ(control(house, "DELETE", "/thing-types/thermo").status, 200U);
}

TEST(ControlPlane, SaysWhatItDoesNotKnow) {
  House house;
  EXPECT_EQ(control(house, "GET", "/jobs").error(), "404 UnknownOperationException");
  auto request = signed_request(house, "POST", "/things/a", "no json");
  HttpExchange exchange(house, house.cloud->ports().control, request);
  house.until([&] { return exchange.done(); });
  EXPECT_EQ(exchange.reply().error(), "400 InvalidRequestException");
  EXPECT_FALSE(exchange.reply().json()["message"].get<std::string>().empty());
}

TEST(ControlPlane, KeepsPoliciesAndTheirDocuments) {
  House house;
  EXPECT_EQ(control(house, "POST", "/policies/p", {{"policyDocument", kPolicy}}).json()["policyVersionId"],
            "1");
  EXPECT_EQ(control(house, "GET", "/policies/p").json()["policyDocument"], kPolicy);
  EXPECT_EQ(control(house, "POST", "/policies/q", {{"policyDocument", "{"}}).error(),
            "400 MalformedPolicyException");
  EXPECT_EQ(control(house, "DELETE", "/policies/p").status, 200U);
  EXPECT_EQ(control(house, "GET", "/policies/p").error(), "404 ResourceNotFoundException");
}

}  // namespace
}  // namespace sluice::cloud::test
