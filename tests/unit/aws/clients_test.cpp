// DynamoDB, STS, the data plane and the credentials provider: what is asked, what is made of the answers.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "aws/dynamodb.hpp"
#include "aws/iot_credentials.hpp"
#include "aws/iot_data.hpp"
#include "aws/sts.hpp"
#include "tests/unit/aws/loopback_server.hpp"
#include "tests/unit/aws/scripted_http.hpp"

namespace sluice::aws {
namespace {

using nlohmann::json;
using test::header_of;

class DynamodbClient : public testing::Test {
 protected:
  json asked() const { return json::parse(world.http.last().body); }

  test::World world;
  std::unique_ptr<Dynamodb> table = make_dynamodb(test::World::options(), world.caller());
  const Item key{{"productid", AttributeValue::of("dev-1")}};
};

TEST_F(DynamodbClient, GetsAnItemInItsOwnTypes) {
  world.http.answer(200, R"({"Item":{"productid":{"S":"dev-1"},"applyState":{"N":"-1"},"on":{"BOOL":true},
                             "none":{"NULL":true},"raw":{"B":"AAE="},"list":{"L":[{"S":"x"}]}}})");
  const auto item = table->get_item("devices", key, true);
  ASSERT_TRUE(item);
  ASSERT_TRUE(*item);
  EXPECT_EQ(text_of(**item, "productid"), "dev-1");
  EXPECT_EQ(number_of(**item, "applyState"), -1);
  EXPECT_EQ((*item)->at("on").text, "true");
  EXPECT_EQ((*item)->at("list").type, AttributeValue::Type::json);
  EXPECT_EQ((*item)->at("list").text, R"({"L":[{"S":"x"}]})");
  EXPECT_EQ(text_of(**item, "applyState"), "");
  EXPECT_FALSE(number_of(**item, "nothing"));
  EXPECT_EQ(
      asked(),
      json::parse(R"({"TableName":"devices","Key":{"productid":{"S":"dev-1"}},"ConsistentRead":true})"));
  EXPECT_EQ(world.http.last().url, "https://dynamodb.eu-central-1.amazonaws.com/");
  EXPECT_EQ(header_of(world.http.last(), "x-amz-target"), "DynamoDB_20120810.GetItem");
  EXPECT_EQ(header_of(world.http.last(), "content-type"), "application/x-amz-json-1.0");
}

TEST_F(DynamodbClient, AMissingItemIsNoError) {
  world.http.answer(200, "{}");
  const auto item = table->get_item("devices", key, false);
  ASSERT_TRUE(item);
  EXPECT_FALSE(*item);
}

TEST_F(DynamodbClient, PutsWhatItReadUnchanged) {
  const Item item{{"l", {AttributeValue::Type::json, R"({"L":[{"N":"1"}]})"}},
                  {"b", {AttributeValue::Type::boolean, "false"}},
                  {"n", AttributeValue::of(std::int64_t{7})},
                  {"z", {}}};
  world.http.answer(200, "{}");
  EXPECT_TRUE(table->put_item("t", item, {"attribute_not_exists(#k)", {{"#k", "productid"}}, {}}));
  EXPECT_EQ(asked()["ConditionExpression"], "attribute_not_exists(#k)");
  EXPECT_EQ(asked()["ExpressionAttributeNames"]["#k"], "productid");
  EXPECT_EQ(asked()["Item"],
            json::parse(R"({"l":{"L":[{"N":"1"}]},"b":{"BOOL":false},"n":{"N":"7"},"z":{"NULL":true}})"));
}

TEST_F(DynamodbClient, UpdatesUnderACondition) {
  world.http.answer(200, R"({"Attributes":{"applyState":{"N":"1"}}})");
  const auto item = table->update_item(
      {"t",
       key,
       "SET applyState = :one",
       "applyState = :new",
       {},
       {{":one", AttributeValue::of(std::int64_t{1})}, {":new", AttributeValue::of(std::int64_t{0})}}});
  ASSERT_TRUE(item) << item.error().text;
  EXPECT_EQ(number_of(*item, "applyState"), 1);
  EXPECT_EQ(asked()["ConditionExpression"], "applyState = :new");
  EXPECT_EQ(asked()["ReturnValues"], "ALL_NEW");
  EXPECT_EQ(asked()["ExpressionAttributeValues"][":new"]["N"], "0");
}

TEST_F(DynamodbClient, ReportsAConditionThatDoesNotHoldAsAConflict) {
  world.http.answer(400, R"({"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
                             "message":"The conditional request failed"})");
  const auto item = table->update_item({"t", key, "SET a = :b", "a = :c", {}, {}});
  ASSERT_FALSE(item);
  EXPECT_EQ(item.error().kind, Error::Kind::conflict);
  EXPECT_EQ(item.error().code, "ConditionalCheckFailedException");
  EXPECT_EQ(world.http.requests.size(), 1U);
}

TEST_F(DynamodbClient, WaitsOutThrottlingThatComesAsABadRequest) {
  world.http.answer(
      400, R"({"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"})");
  world.http.answer(200, "{}");
  EXPECT_TRUE(table->delete_item("t", key));
  EXPECT_EQ(world.waits.size(), 1U);
}

TEST_F(DynamodbClient, ReadsPageAfterPage) {
  world.http.answer(200, R"({"Items":[{"productid":{"S":"a"}}],"LastEvaluatedKey":{"productid":{"S":"a"}}})");
  world.http.answer(200, R"({"Items":[{"productid":{"S":"b"}}]})");
  PageRequest request;
  request.table = "t";
  request.limit = 1;
  const auto first = table->read_page(request);
  ASSERT_TRUE(first);
  EXPECT_EQ(header_of(world.http.last(), "x-amz-target"), "DynamoDB_20120810.Scan");
  request.start = first->next;
  request.key_condition = "productid = :p";
  request.values = {{":p", AttributeValue::of("b")}};
  const auto second = table->read_page(request);
  ASSERT_TRUE(second);
  EXPECT_EQ(asked()["ExclusiveStartKey"]["productid"]["S"], "a");
  EXPECT_EQ(header_of(world.http.last(), "x-amz-target"), "DynamoDB_20120810.Query");
  EXPECT_TRUE(second->next.empty());
  EXPECT_EQ(text_of(second->items.at(0), "productid"), "b");
}

TEST_F(DynamodbClient, AnswersThatAreNotDynamodbsAreProtocolErrors) {
  for (const auto* body : {"x", "[]", R"({"Item":7})", R"({"Item":{"a":7}})",
                           R"({"Item":{"a":{"S":"x","N":"1"}}})", R"({"Item":{"a":{"X":"y"}}})"}) {
    world.http.answer(200, body);
    const auto item = table->get_item("t", key, false);
    ASSERT_FALSE(item) << body;
    EXPECT_EQ(item.error().kind, Error::Kind::protocol) << body;
  }
}

class StsClient : public testing::Test {
 protected:
  test::World world;
  std::unique_ptr<Sts> sts = make_sts(test::World::options(), world.caller());
};

constexpr std::string_view kAssumed =
    R"(<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult><AssumedRoleUser><AssumedRoleId>A:s</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/r/s</Arn>
  </AssumedRoleUser><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>se/c</SecretAccessKey>
  <SessionToken>to&amp;ken</SessionToken><Expiration>2024-01-15T13:00:00Z</Expiration></Credentials>
  <PackedPolicySize>6</PackedPolicySize></AssumeRoleResult></AssumeRoleResponse>)";

TEST_F(StsClient, AssumesARoleNarrowedByAPolicy) {
  world.http.answer(200, std::string(kAssumed));
  const auto role = sts->assume_role(
      {"arn:aws:iam::1:role/r", "app", R"({"a":"b c"})", std::chrono::minutes(15), {{"k", "v"}}});
  ASSERT_TRUE(role) << role.error().text;
  EXPECT_EQ(role->session.credentials.session_token, "to&ken");
  EXPECT_EQ(role->session.expiration, parse_iso_time("2024-01-15T13:00:00Z"));
  EXPECT_EQ(role->arn, "arn:aws:sts::1:assumed-role/r/s");
  EXPECT_EQ(
      world.http.last().body,
      "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=app&"
      "DurationSeconds=900&Policy=%7B%22a%22%3A%22b%20c%22%7D&Tags.member.1.Key=k&Tags.member.1.Value=v");
  EXPECT_EQ(world.http.last().url, "https://sts.eu-central-1.amazonaws.com/");
}

TEST_F(StsClient, APolicyThatIsTooLongIsNotSent) {
  EXPECT_EQ(sts->assume_role({"r", "s", std::string(2049, 'x'), {}, {}}).error().kind, Error::Kind::invalid);
  EXPECT_TRUE(world.http.requests.empty());
}

TEST_F(StsClient, SaysWhoWeAre) {
  world.http.answer(200,
                    "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:x</Arn><UserId>u</UserId>"
                    "<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>");
  const auto identity = sts->get_caller_identity();
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->account, "123456789012");
  EXPECT_EQ(identity->user_id, "u");
}

TEST_F(StsClient, RefusalsAndNonsenseAreErrors) {
  world.http.answer(
      403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>");
  EXPECT_EQ(sts->get_caller_identity().error().kind, Error::Kind::denied);
  auto cut = std::string(kAssumed);
  for (const auto& body : {std::string("{}"), std::string("<a>"), cut.substr(0, 250),
                           cut.replace(cut.find("13:00"), 5, "never")}) {
    world.http.answer(200, body);
    EXPECT_EQ(sts->assume_role({"r", "ss", "", std::chrono::hours(1), {}}).error().kind,
              Error::Kind::protocol)
        << body;
  }
}

class IotDataClient : public testing::Test {
 protected:
  test::World world;
  std::unique_ptr<IotData> data =
      make_iot_data(test::World::options("https://a-ats.iot.eu-central-1.amazonaws.com"), world.caller());
};

TEST_F(IotDataClient, Publishes) {
  world.http.answer(200, R"({"message":"OK"})");
  EXPECT_TRUE(data->publish("a/b c", "hello", 1, true));
  EXPECT_EQ(world.http.last().url,
            "https://a-ats.iot.eu-central-1.amazonaws.com/topics/a%2Fb%20c?qos=1&retain=true");
  EXPECT_EQ(world.http.last().body, "hello");
  EXPECT_NE(header_of(world.http.last(), "authorization").find("/eu-central-1/iotdata/aws4_request"),
            std::string::npos);
}

TEST_F(IotDataClient, SignsUnderAnotherNameIfToldTo) {
  auto options = test::World::options("https://e");
  options.signing_name = "iotdevicegateway";
  data = make_iot_data(options, world.caller());
  world.http.answer(200, "");
  EXPECT_TRUE(data->publish("a", "", 0, false));
  EXPECT_NE(header_of(world.http.last(), "authorization").find("/iotdevicegateway/"), std::string::npos);
}

TEST_F(IotDataClient, SendsNothingThatAwsWouldNotTake) {
  EXPECT_EQ(data->publish("1/2/3/4/5/6/7/8/9", "", 0, false).error().kind, Error::Kind::invalid);
  EXPECT_TRUE(world.http.requests.empty());
}

TEST_F(IotDataClient, ReadsAndWritesShadows) {
  world.http.answer(200, R"({"state":{}})");
  EXPECT_EQ(*data->get_shadow("t", "config"), R"({"state":{}})");
  EXPECT_TRUE(world.http.last().url.ends_with("/things/t/shadow?name=config"));
  world.http.answer(200, "{}");
  EXPECT_TRUE(data->update_shadow("t", "", "{\"state\":1}"));
  EXPECT_TRUE(world.http.last().url.ends_with("/things/t/shadow"));
  EXPECT_EQ(world.http.last().method, "POST");
  world.http.answer(404, R"({"message":"No shadow exists with name: 't'"})");
  EXPECT_EQ(data->get_shadow("t", "").error().kind, Error::Kind::not_found);
}

class IotCredentials : public testing::Test {
 protected:
  result<TemporaryCredentials> fetch() { return fetch_credentials(http, request); }
  test::ScriptedHttp http;
  CredentialsRequest request{"p.credentials.iot.eu-central-1.amazonaws.com", "role=a", "gw-1",
                             std::chrono::seconds(5)};
};

TEST_F(IotCredentials, AreFetchedForARoleAlias) {
  http.answer(200, R"({"credentials":{"accessKeyId":"ASIA","secretAccessKey":"s","sessionToken":"t",
                       "expiration":"2024-01-15T13:00:00Z"}})");
  const auto credentials = fetch();
  ASSERT_TRUE(credentials) << credentials.error().text;
  EXPECT_EQ(credentials->credentials.access_key_id, "ASIA");
  EXPECT_EQ(credentials->expiration, parse_iso_time("2024-01-15T13:00:00Z"));
  EXPECT_EQ(http.last().url,
            "https://p.credentials.iot.eu-central-1.amazonaws.com/role-aliases/role%3Da/credentials");
  EXPECT_EQ(header_of(http.last(), "x-amzn-iot-thingname"), "gw-1");
}

TEST_F(IotCredentials, AreFetchedOverMutualTlsWithAKeyFromMemory) {
  const auto server_own = test::make_certificate();
  const auto device = test::make_certificate("device");
  test::LoopbackServer provider(
      [](test::Peer& peer, const std::string&) {
        peer.send(test::http_answer(200, R"({"credentials":{"accessKeyId":"ASIA","secretAccessKey":"s",
            "sessionToken":"t","expiration":"2024-01-15T13:00:00Z"}})"));
      },
      test::LoopbackServer::Tls{server_own, device.certificate});
  HttpOptions options;
  options.ca_pem = server_own.certificate;
  options.certificate_pem = device.certificate;
  options.key_pem = device.key;
  request.endpoint = provider.authority();
  const auto credentials = fetch_credentials(*make_http(options), request);
  ASSERT_TRUE(credentials) << credentials.error().text;
  EXPECT_EQ(credentials->credentials.session_token, "t");
  EXPECT_TRUE(provider.requests().at(0).starts_with("GET /role-aliases/role%3Da/credentials HTTP/1.1\r\n"));
}

TEST_F(IotCredentials, ARefusalSaysWhatToLookAt) {
  http.answer(403, R"({"message":"Access Denied"})");
  const auto refused = fetch();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Error::Kind::denied);
  for (const auto* word : {"iot:AssumeRoleWithCertificate", "active", "thing gw-1", "role alias role=a"}) {
    EXPECT_NE(refused.error().text.find(word), std::string::npos) << refused.error().text;
  }
}

TEST_F(IotCredentials, NonsenseIsAProtocolErrorAndTellsNoSecret) {
  for (
      const auto* body :
      {"", "{}", R"({"credentials":{}})",
       R"({"credentials":{"accessKeyId":"A","secretAccessKey":"hunter2","sessionToken":"t","expiration":"soon"}})"}) {
    http.answer(200, body);
    const auto outcome = fetch();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().kind, Error::Kind::protocol);
    EXPECT_EQ(outcome.error().text.find("hunter2"), std::string::npos);
  }
}

TEST_F(IotCredentials, NothingIsAskedWithoutAnEndpoint) {
  request.endpoint.clear();
  EXPECT_EQ(fetch().error().kind, Error::Kind::invalid);
  EXPECT_TRUE(http.requests.empty());
}

}  // namespace
}  // namespace sluice::aws
