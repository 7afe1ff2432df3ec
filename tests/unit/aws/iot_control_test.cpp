// The control plane's client: what it asks, what it makes of the answers. And through it, the service caller.
#include <gtest/gtest.h>

#include "aws/iot_control_https.hpp"
#include "aws/sigv4.hpp"
#include "tests/unit/aws/scripted_http.hpp"

namespace sluice::aws {
namespace {

using test::header_of;

const std::string kId(64, 'a');
const std::string kArn = "arn:aws:iot:eu-central-1:123456789012:cert/" + kId;

class IotControlClient : public testing::Test {
 protected:
  std::string asked() const { return world.http.last().method + " " + world.http.last().url; }
  static std::string at(const std::string& path) { return "https://iot.eu-central-1.amazonaws.com" + path; }

  test::World world;
  std::unique_ptr<IotControl> iot = make_iot_control(test::World::options(), world.caller());
};

TEST_F(IotControlClient, SignsForTheServiceSoThatAServerAcceptsIt) {
  world.http.answer(200, R"({"thingName":"a:b","thingArn":"arn"})");
  ASSERT_TRUE(iot->describe_thing("a:b"));
  EXPECT_EQ(asked(), "GET " + at("/things/a%3Ab"));
  const auto signer =
      verify(world.http.last(), [&](std::string_view) { return *world.keys.credentials(); }, world.now);
  ASSERT_TRUE(signer) << signer.error().text;
  EXPECT_EQ(signer->service, "iot");
  EXPECT_EQ(header_of(world.http.last(), "x-amz-security-token"), "token");
}

TEST_F(IotControlClient, MakesACertificateFromARequest) {
  world.http.answer(
      200, R"({"certificateId":")" + kId + R"(","certificateArn":")" + kArn + R"(","certificatePem":"PEM"})");
  const auto certificate = iot->create_certificate_from_csr("CSR\n", true);
  ASSERT_TRUE(certificate) << certificate.error().text;
  EXPECT_EQ(certificate->id, kId);
  EXPECT_EQ(certificate->pem, "PEM");
  EXPECT_EQ(asked(), "POST " + at("/certificates?setAsActive=true"));
  EXPECT_EQ(world.http.last().body, R"({"certificateSigningRequest":"CSR\n"})");
}

TEST_F(IotControlClient, MakesNoSecondCertificateAfterABrokenConnection) {
  world.http.fail(Error::Kind::network);
  EXPECT_FALSE(iot->create_certificate_from_csr("CSR", true));
  EXPECT_EQ(world.http.requests.size(), 1U);
  world.http.answer(400, R"({"__type":"ThrottlingException"})");
  world.http.answer(200, R"({"certificateId":"i","certificateArn":"a","certificatePem":"p"})");
  EXPECT_TRUE(iot->create_certificate_from_csr("CSR", true));
}

TEST_F(IotControlClient, MakesKeysAndCertificate) {
  world.http.answer(200, R"({"certificateId":"i","certificateArn":"a","certificatePem":"p",
                             "keyPair":{"PublicKey":"pub","PrivateKey":"priv"}})");
  const auto made = iot->create_keys_and_certificate(false);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->private_key, "priv");
  EXPECT_EQ(asked(), "POST " + at("/keys-and-certificate?setAsActive=false"));
}

TEST_F(IotControlClient, DescribesChangesAndDeletesACertificate) {
  world.http.answer(200,
                    R"({"certificateDescription":{"certificateId":"i","certificateArn":"a","status":"ACTIVE",
                             "certificatePem":"p","creationDate":1.5}})");
  const auto described = iot->describe_certificate("i");
  ASSERT_TRUE(described);
  EXPECT_EQ(described->status, "ACTIVE");
  world.http.answer(200, "");
  EXPECT_TRUE(iot->update_certificate("i", "INACTIVE"));
  EXPECT_EQ(asked(), "PUT " + at("/certificates/i?newStatus=INACTIVE"));
  world.http.answer(200, "{}");
  EXPECT_TRUE(iot->delete_certificate("i"));
  EXPECT_EQ(asked(), "DELETE " + at("/certificates/i"));
}

TEST_F(IotControlClient, MakesAThingWithTypeAndAttributes) {
  world.http.answer(200, R"({"thingName":"t","thingArn":"arn"})");
  const auto thing = iot->create_thing("t", "thermo", {{"k", "v"}});
  ASSERT_TRUE(thing);
  EXPECT_EQ(thing->arn, "arn");
  EXPECT_EQ(world.http.last().body,
            R"({"attributePayload":{"attributes":{"k":"v"}},"thingTypeName":"thermo"})");
}

TEST_F(IotControlClient, ReportsAThingOfAnotherDefinitionAsAConflict) {
  world.http.answer(409, R"({"message":"differs","resourceId":"t"})",
                    {{"x-amzn-errortype", "ResourceAlreadyExistsException"}});
  const auto thing = iot->create_thing("t", "", {});
  ASSERT_FALSE(thing);
  EXPECT_EQ(thing.error().kind, Error::Kind::conflict);
  EXPECT_EQ(
      thing.error().text,
      "iot CreateThing at iot.eu-central-1.amazonaws.com: HTTP 409 ResourceAlreadyExistsException: differs");
}

TEST_F(IotControlClient, AttachesAndDetaches) {
  for (int i = 0; i < 4; ++i) world.http.answer(200, "");
  EXPECT_TRUE(iot->attach_policy("p", kArn));
  EXPECT_EQ(asked(), "PUT " + at("/target-policies/p"));
  EXPECT_EQ(world.http.last().body, R"({"target":")" + kArn + "\"}");
  EXPECT_TRUE(iot->detach_policy("p", kArn));
  EXPECT_EQ(asked(), "POST " + at("/target-policies/p"));
  EXPECT_TRUE(iot->attach_thing_principal("t", kArn));
  EXPECT_EQ(asked(), "PUT " + at("/things/t/principals"));
  EXPECT_EQ(header_of(world.http.last(), "x-amzn-principal"), kArn);
  EXPECT_TRUE(iot->detach_thing_principal("t", kArn));
  EXPECT_EQ(asked(), "DELETE " + at("/things/t/principals"));
}

TEST_F(IotControlClient, DetachingWhatIsNotThereIsNoError) {
  world.http.answer(404, R"({"message":"none"})", {{"x-amzn-errortype", "ResourceNotFoundException"}});
  EXPECT_TRUE(iot->detach_policy("p", kArn));
  world.http.answer(404, R"({"message":"none"})", {{"x-amzn-errortype", "ResourceNotFoundException"}});
  EXPECT_TRUE(iot->detach_thing_principal("t", kArn));
  world.http.answer(403, "{}");
  EXPECT_FALSE(iot->detach_policy("p", kArn));
}

TEST_F(IotControlClient, ReadsAListPageByPage) {
  world.http.answer(200, R"({"policies":[{"policyName":"a","policyArn":"x"}],"nextMarker":"m+1"})");
  world.http.answer(200, R"({"policies":[{"policyName":"b","policyArn":"y"}]})");
  const auto policies = iot->attached_policies("arn:x/y");
  ASSERT_TRUE(policies);
  EXPECT_EQ(*policies, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(asked(), "POST " + at("/attached-policies/arn%3Ax%2Fy?marker=m%2B1"));
  world.http.answer(200, R"({"things":["t1"],"nextToken":null})");
  EXPECT_EQ(*iot->principal_things(kArn), std::vector<std::string>{"t1"});
  world.http.answer(200, R"({"principals":["c1","c2"]})");
  EXPECT_EQ(iot->thing_principals("t")->size(), 2U);
}

TEST_F(IotControlClient, AListWithoutAnEndIsGivenUp) {
  for (int i = 0; i < 150; ++i) world.http.answer(200, R"({"things":["t"],"nextToken":"again"})");
  const auto things = iot->principal_things(kArn);
  ASSERT_FALSE(things);
  EXPECT_EQ(things.error().kind, Error::Kind::protocol);
  EXPECT_EQ(world.http.requests.size(), 100U);
}

TEST_F(IotControlClient, FindsTheEndpoint) {
  world.http.answer(200, R"({"endpointAddress":"a-ats.iot.eu-central-1.amazonaws.com"})");
  EXPECT_EQ(*iot->endpoint("iot:Data-ATS"), "a-ats.iot.eu-central-1.amazonaws.com");
  EXPECT_EQ(asked(), "GET " + at("/endpoint?endpointType=iot%3AData-ATS"));
}

TEST_F(IotControlClient, SendsNothingForANameThatWouldBeAnotherPath) {
  for (const auto* bad : {"", ".", ".."}) {
    EXPECT_EQ(iot->delete_certificate(bad).error().kind, Error::Kind::invalid);
    EXPECT_EQ(iot->thing_principals(bad).error().kind, Error::Kind::invalid);
  }
  EXPECT_TRUE(world.http.requests.empty());
}

TEST_F(IotControlClient, AnswersThatAreNotTheServicesAreProtocolErrors) {
  for (const auto* body : {"", "<html>", "[]", "{}", R"({"certificateDescription":7})"}) {
    world.http.answer(200, body);
    const auto outcome = iot->describe_certificate("i");
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().kind, Error::Kind::protocol) << body;
  }
}

TEST_F(IotControlClient, ThrottlingIsWaitedOutAndEachTryIsSignedAnew) {
  world.http.answer(400, R"({"message":"Rate exceeded"})", {{"x-amzn-errortype", "ThrottlingException"}});
  world.http.answer(429, "", {{"retry-after", "2"}});
  world.http.answer(200, R"({"endpointAddress":"e"})");
  EXPECT_TRUE(iot->endpoint("iot:Data-ATS"));
  EXPECT_EQ(world.waits, (std::vector{std::chrono::milliseconds(50), std::chrono::milliseconds(2100)}));
  for (const auto& request : world.http.requests) EXPECT_FALSE(header_of(request, "authorization").empty());
}

TEST_F(IotControlClient, ABrokenWireNamesTheCall) {
  for (int i = 0; i < 4; ++i) world.http.fail(Error::Kind::network);
  const auto outcome = iot->describe_thing("t");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().text, "iot DescribeThing at iot.eu-central-1.amazonaws.com: the wire broke");
}

TEST_F(IotControlClient, AnEndpointOfOnesOwnIsAsked) {
  iot = make_iot_control(test::World::options("http://127.0.0.1:5000/"), world.caller());
  world.http.answer(200, R"({"endpointAddress":"e"})");
  EXPECT_TRUE(iot->endpoint("iot:Data"));
  EXPECT_EQ(world.http.last().url, "http://127.0.0.1:5000/endpoint?endpointType=iot%3AData");
  EXPECT_EQ(header_of(world.http.last(), "host"), "127.0.0.1:5000");
}

}  // namespace
}  // namespace sluice::aws
