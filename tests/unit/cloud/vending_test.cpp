// The CVM behind its API Gateway front, tokens, the credentials provider: over HTTPS, with the real
// functions.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "aws/cvm.hpp"
#include "aws/time_text.hpp"
#include "aws/url.hpp"
#include "cloud/local/api_front.hpp"
#include "cloud/local/certificates.hpp"
#include "cloud/local/devices.hpp"
#include "cloud/local/files.hpp"
#include "cloud/local/tokens.hpp"
#include "tests/unit/cloud/csr.hpp"
#include "tests/unit/cloud/house_http.hpp"

namespace sluice::cloud::test {
namespace {

using nlohmann::json;

HttpReply vend(House& house, const std::string& productid, const std::string& token, const std::string& csr) {
  return http(house, house.cloud->ports().cvm, "POST", "/Prod/certificates",
              json{{"productid", productid}, {"accessToken", token}, {"csr", csr}}.dump());
}

TEST(Vending, GivesACertificateThatConnects) {
  House house;
  const auto token = house.add_device("gw-1");
  const auto pair = make_csr("anything");
  const auto reply = vend(house, "gw-1", token, pair.csr);
  ASSERT_EQ(reply.status, 200U) << reply.body;
  const auto vended = aws::cvm::parse_response(reply.status, reply.body, "");
  ASSERT_TRUE(vended) << vended.error().text;
  EXPECT_EQ(vended->thing_name, "gw-1");
  EXPECT_EQ(vended->data_endpoint, "127.0.0.1:" + std::to_string(house.cloud->ports().mqtt));
  EXPECT_EQ(vended->credentials_endpoint, "127.0.0.1:" + std::to_string(house.cloud->ports().credentials));
  EXPECT_EQ(vended->role_alias, "gateway");
  EXPECT_EQ(vended->root_ca, *read_file(house.scratch.path() / "cloud" / "ca.pem"));
  auto peer = house.tls_peer_of(vended->certificate_pem, pair.key);
  peer->send(bytes_of(connect_packet("gw-1")));
  EXPECT_EQ(reason_of(house.next_packet(*peer)), 0);
  EXPECT_EQ(control(house, "GET", "/things").json()["things"][0]["thingName"], "gw-1");
}

TEST(Vending, GivesThePoliciesThatShip) {
  House house;
  for (const auto& [name, product, policy] :
       {std::tuple("gw-1", "gateway", "gateway"), std::tuple("m-1", "meter", "device")}) {
    const auto token = house.add_device(name, product);
    const auto pair = make_csr("x");
    const auto vended = vend(house, name, token, pair.csr).json();
    const auto attached =
        control(house, "POST",
                "/attached-policies/" + aws::percent_encode(vended["certificateArn"].get<std::string>()));
    ASSERT_EQ(attached.json()["policies"].size(), 1U) << attached.body;
    EXPECT_EQ(attached.json()["policies"][0]["policyName"], policy);
    for (const auto& [topic, gateway_only] :
         {std::pair(std::string("dt/") + product + "/" + name + "/t", false), {"dt/thermo/th-1/t", true}}) {
      auto peer = house.tls_peer_of(vended["certificatePem"], pair.key);
      peer->send(bytes_of(connect_packet(name)));
      ASSERT_EQ(reason_of(house.next_packet(*peer)), 0);
      peer->send(publish_bytes(topic, "{}", 1));
      EXPECT_EQ(reason_of(house.next_packet(*peer)) == 0, !gateway_only || policy == std::string("gateway"))
          << topic;
    }
  }
}

TEST(Vending, TakesATokenOnceAndRefusesStrangers) {
  House house;
  const auto token = house.add_device("gw-1");
  EXPECT_EQ(vend(house, "gw-1", "wrong", make_csr("x").csr).status, 401U);
  EXPECT_EQ(vend(house, "nobody", token, make_csr("x").csr).status, 401U);
  EXPECT_EQ(vend(house, "gw-1", token, make_csr("x").csr).status, 200U);
  EXPECT_EQ(vend(house, "gw-1", token, make_csr("x").csr).status, 409U);
  EXPECT_EQ(control(house, "GET", "/certificates").json()["certificates"].size(), 2U) << "the claim, and one";
}

TEST(Vending, RotatesWhereThatIsThePolicy) {
  House house([](CloudOptions& options) { options.rotate = true; });
  const auto token = house.add_device("gw-1");
  const auto pair = make_csr("x");
  const auto first = vend(house, "gw-1", token, make_csr("x").csr).json(),
             second = vend(house, "gw-1", token, pair.csr).json();
  EXPECT_NE(first["certificateId"], second["certificateId"]);
  EXPECT_EQ(control(house, "GET", "/certificates/" + first["certificateId"].get<std::string>()).status, 200U)
      << "in use until the new one has proven itself";
  EXPECT_EQ(vend(house, "gw-1", token, pair.csr).json()["certificateId"], second["certificateId"]);
  const auto retired =
      http(house, house.cloud->ports().cvm, "POST", "/Prod/certificates/retire",
           json{{"productid", "gw-1"}, {"accessToken", token}, {"keep", second["certificateId"]}}.dump());
  EXPECT_EQ(retired.json()["retired"], json::array({first["certificateId"]})) << retired.body;
  EXPECT_EQ(control(house, "GET", "/certificates/" + first["certificateId"].get<std::string>()).status, 404U);
}

TEST(Vending, ServesBothGenerationsOfAwslabs) {
  House house;
  const auto token = house.add_device("gw-1"), other = house.add_device("gw-2");
  const auto port = house.cloud->ports().cvm;
  const auto first = http(house, port, "GET", "/LATEST/getcert?serialNumber=gw-1&deviceToken=" + token);
  EXPECT_EQ(first.status, 200U);
  EXPECT_TRUE(first.json().contains("keyPair")) << first.body;
  EXPECT_EQ(http(house, port, "GET", "/LATEST/getcert?serialNumber=gw-1&deviceToken=no").body,
            "\"Access Deny!\"");
  EXPECT_TRUE(http(house, port, "GET", "/Prod/getcert?serialNumber=gw-2&deviceToken=" + other)
                  .json()
                  .contains("RootCA"));
  EXPECT_EQ(http(house, port, "GET", "/Prod/getcert?serialNumber=gw-2&deviceToken=no").status, 500U);
}

TEST(Vending, AnswersUnknownPathsAsApiGateway) {
  House house;
  for (const char* target : {"/", "/Prod", "/Prod/other", "/certificates", "/LATEST/certificates"}) {
    const auto reply = http(house, house.cloud->ports().cvm, "GET", target);
    EXPECT_EQ(reply.error(), "403 MissingAuthenticationTokenException") << target;
    EXPECT_EQ(reply.json()["message"], "Missing Authentication Token");
  }
}

TEST(Vending, KeepsToTheUsagePlan) {
  House house([](CloudOptions& options) { options.cvm_rate = 2; });
  const auto port = house.cloud->ports().cvm;
  std::vector<unsigned> statuses;
  statuses.reserve(3);
  for (int i = 0; i < 3; ++i)
    statuses.push_back(http(house, port, "GET", "/Prod/getcert?serialNumber=x&deviceToken=y").status);
  EXPECT_EQ(statuses, (std::vector<unsigned>{500, 500, 429}));
  house.pass(1s);
  EXPECT_EQ(http(house, port, "GET", "/Prod/getcert?serialNumber=x&deviceToken=y").status, 500U);
}

TEST(ApiFront, MapsWhatAFunctionAnswers) {
  const auto good = from_proxy_answer(std::string(
      R"({"statusCode":201,"headers":{"x-a":"1"},"multiValueHeaders":{"x-b":["2"]},"body":"aGk=","isBase64Encoded":true})"));
  EXPECT_EQ(good.status, 201U);
  EXPECT_EQ(good.body, "hi");
  EXPECT_EQ(good.headers, (HttpHeaders{{"x-a", "1"}, {"x-b", "2"}}));
  for (const char* bad :
       {"no json", "[]", "{}", R"({"statusCode":"200","body":""})", R"({"statusCode":200,"body":{}})",
        R"({"statusCode":20,"body":""})", R"({"statusCode":200,"body":"?","isBase64Encoded":true})"}) {
    EXPECT_EQ(from_proxy_answer(std::string(bad)).status, 502U) << bad;
  }
  EXPECT_EQ(from_proxy_answer(lambda::FunctionError("Function.Broken", "secret detail")).body,
            R"({"message":"Internal server error"})");
}

TEST(Tokens, AreInTheTableAsHashesOnly) {
  sluice::test::Scratch scratch;
  const auto table = open_devices(scratch.path(), {});
  const auto token = add_token(*table, {"gw-1", {}, "thermo", {}});
  ASSERT_TRUE(token);
  const auto text = *read_file(scratch.path() / "gw-1.json");
  EXPECT_EQ(text.find(*token), std::string::npos);
  struct stat st{};
  ASSERT_EQ(::stat((scratch.path() / "gw-1.json").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0600U);
  EXPECT_EQ(add_token(*table, {"gw-1", {}, {}, {}}).error().code, errc::exists);
  EXPECT_EQ(add_token(*table, {"../evil", {}, {}, {}}).error().code, errc::invalid_argument);
}

TEST(Tokens, ComeFromACsv) {
  const auto devices =
      parse_device_csv("accessToken,productid,product\r\ns3cret,gw-1,thermo\r\n,\"gw-2\",\n\n");
  ASSERT_TRUE(devices) << devices.error().text;
  ASSERT_EQ(devices->size(), 2U);
  EXPECT_EQ(devices->at(0).token, "s3cret");
  EXPECT_EQ(devices->at(1).productid, "gw-2");
  EXPECT_EQ(parse_device_csv("productid,colour\n").error().text,
            "line 1: column \"colour\" is not productid, accessToken, product or region");
  EXPECT_EQ(parse_device_csv("productid\na b\n").error().text, "line 2: productid \"a b\" is not taken");
  EXPECT_EQ(parse_device_csv("productid\na\na\n").error().text, "line 3: a comes twice");
  EXPECT_EQ(parse_device_csv("productid,product\na\n").error().text, "line 2: 1 columns instead of 2");
}

struct CredentialsTest : testing::Test {
  CredentialsTest() {
    house.add_thing("gw-1");
    const auto folder = house.scratch.path() / "cloud" / "things" / "gw-1";
    identity = house.identity(*read_file(folder / "cert.pem"), *read_file(folder / "key.pem"));
  }
  HttpReply ask(const std::string& target, const aws::Headers& headers = {}) {
    HttpExchange exchange(house, house.cloud->ports().credentials,
                          {"GET", "https://127.0.0.1" + target, headers, {}}, identity);
    EXPECT_TRUE(house.until([&] { return exchange.done(); }));
    return exchange.reply();
  }
  House house;
  std::shared_ptr<boost::asio::ssl::context> identity;
};

TEST_F(CredentialsTest, AreLentForACertificateAndTakenByTheControlPlane) {
  const auto reply = ask("/role-aliases/gateway/credentials", {{"x-amzn-iot-thingname", "gw-1"}});
  ASSERT_EQ(reply.status, 200U) << reply.body;
  const auto lent = reply.json()["credentials"];
  EXPECT_EQ(lent["accessKeyId"].get<std::string>().substr(0, 4), "ASIA");
  EXPECT_EQ(lent["expiration"],
            aws::iso_time(std::chrono::floor<std::chrono::seconds>(house.clock.wall()) + 1h));
  aws::Credentials keys{lent["accessKeyId"], lent["secretAccessKey"], lent["sessionToken"]};
  const auto use = [&] {
    HttpExchange exchange(house, house.cloud->ports().control,
                          signed_request(house, "GET", "/things", "", {}, keys));
    house.until([&] { return exchange.done(); });
    return exchange.reply().error();
  };
  EXPECT_EQ(use(), "none");
  keys.session_token = "another";
  EXPECT_NE(use(), "none");
  keys.session_token = lent["sessionToken"];
  house.pass(3601s);
  EXPECT_NE(use(), "none") << "they end";
}

TEST_F(CredentialsTest, AreRefusedWithoutARight) {
  house.add_policy(
      "nothing",
      R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}})");
  EXPECT_EQ(ask("/role-aliases/none/credentials").status, 404U);
  EXPECT_EQ(ask("/role-aliases/gateway/credentials", {{"x-amzn-iot-thingname", "gw-2"}}).status, 403U)
      << "not its thing";
  EXPECT_EQ(ask("/other").status, 404U);
  house.add_thing("poor", {"nothing"});
  const auto folder = house.scratch.path() / "cloud" / "things" / "poor";
  identity = house.identity(*read_file(folder / "cert.pem"), *read_file(folder / "key.pem"));
  EXPECT_EQ(ask("/role-aliases/gateway/credentials").status, 403U);
}

TEST_F(CredentialsTest, NeedACertificateThatIsActive) {
  const auto id =
      read_certificate(*read_file(house.scratch.path() / "cloud" / "things" / "gw-1" / "cert.pem"))->id;
  ASSERT_EQ(control(house, "PUT", "/certificates/" + id + "?newStatus=REVOKED").status, 200U);
  EXPECT_EQ(ask("/role-aliases/gateway/credentials").status, 0U) << "TLS ends it";
  EXPECT_EQ(http(house, house.cloud->ports().credentials, "GET", "/role-aliases/gateway/credentials").status,
            0U);
}

}  // namespace
}  // namespace sluice::cloud::test
