// Fleet provisioning over MQTT, JITP and JITR, as devices see them.
#include <gtest/gtest.h>

#include "cloud/local/certificates.hpp"
#include "cloud/local/files.hpp"
#include "mqtt/codec.hpp"
#include "tests/unit/cloud/csr.hpp"
#include "tests/unit/cloud/house_http.hpp"

namespace sluice::cloud::test {
namespace {

using nlohmann::json;

struct Asked {
  std::string topic;
  json body;
};

// A client with the claim certificate that speaks the provisioning API.
struct Claimer {
  explicit Claimer(House& h, mqtt::Version v = mqtt::Version::v5) : house(h), version(v) {
    const auto folder = house.scratch.path() / "cloud" / "claim";
    peer = house.tls_peer_of(*read_file(folder / "cert.pem"), *read_file(folder / "key.pem"));
    peer->send(bytes_of(connect_packet("claim-1", version)));
    EXPECT_EQ(reason_of(house.next_packet(*peer)), 0);
  }
  // The reply, without having subscribed to it.
  Asked ask(const std::string& topic, const std::string& payload) {
    peer->send(publish_bytes(topic, payload, next_id++, version));
    for (int i = 0; i < 3; ++i) {
      packet = house.next_packet(*peer);
      if (type_of(packet) != mqtt::PacketType::publish) continue;
      const auto decoded = mqtt::decode(packet, version);
      const auto& publish = std::get<mqtt::Publish>(*decoded.packet);
      const auto at = publish.payload.begin(), end = publish.payload.end();
      return {std::string(publish.topic), topic.ends_with("cbor")
                                              ? json::from_cbor(at, end)
                                              : json::parse(publish.payload, nullptr, false)};
    }
    return {};
  }
  Asked provision(const std::string& token, const json& parameters, const std::string& name = "fleet") {
    return ask("$aws/provisioning-templates/" + name + "/provision/json",
               json{{"certificateOwnershipToken", token}, {"parameters", parameters}}.dump());
  }
  json create_from_csr(const std::string& csr) {
    const auto reply =
        ask("$aws/certificates/create-from-csr/json", json{{"certificateSigningRequest", csr}}.dump());
    EXPECT_EQ(reply.topic, "$aws/certificates/create-from-csr/json/accepted");
    return reply.body;
  }
  House& house;
  mqtt::Version version;
  std::unique_ptr<Peer> peer;
  std::uint16_t next_id = 1;
  std::string packet;
};

// The CONNACK's reason, or -1: closed without one.
int connects(House& house, const std::string& chain, const std::string& key, const std::string& id) {
  auto peer = house.tls_peer_of(chain, key);
  peer->send(bytes_of(connect_packet(id)));
  const auto packet = house.next_packet(*peer);
  return packet.empty() ? -1 : reason_of(packet);
}

std::string status_of(House& house, const std::string& id) {
  return control(house, "GET", "/certificates/" + id)
      .json()["certificateDescription"]["status"]
      .get<std::string>();
}

TEST(Fleet, ProvisionsADeviceThatHasAToken) {
  House house;
  const auto token = house.add_device("dev-1", "thermo");
  Claimer claimer(house);
  const auto pair = make_csr("dev-1");
  const auto made = claimer.create_from_csr(pair.csr);
  EXPECT_EQ(status_of(house, made["certificateId"]), "PENDING_ACTIVATION");
  EXPECT_EQ(connects(house, made["certificatePem"], pair.key, "dev-1"), -1) << "not before it is provisioned";
  const auto done = claimer.provision(made["certificateOwnershipToken"],
                                      {{"SerialNumber", "dev-1"}, {"accessToken", token}});
  EXPECT_EQ(done.topic, "$aws/provisioning-templates/fleet/provision/json/accepted") << done.body;
  EXPECT_EQ(done.body["thingName"], "dev-1");
  EXPECT_EQ(done.body["deviceConfiguration"]["product"], "thermo");
  EXPECT_EQ(connects(house, made["certificatePem"], pair.key, "dev-1"), 0);
  EXPECT_EQ(house.log_text().find(token), std::string::npos) << "tokens are in no log";
  EXPECT_EQ(house.admin("GET", "/received").find(token), std::string::npos);
}

TEST(Fleet, AClaimConnectsAsNobodyElse) {
  House house;
  const auto folder = house.scratch.path() / "cloud" / "claim";
  const auto certificate = *read_file(folder / "cert.pem"), key = *read_file(folder / "key.pem");
  EXPECT_EQ(connects(house, certificate, key, "claim-gw-1-1"), 0);
  for (const char* id : {"gw-1", "gw-1-claim-1", "claim"})
    EXPECT_NE(connects(house, certificate, key, id), 0) << id;
}

TEST(Fleet, MakesKeysToo) {
  House house;
  const auto token = house.add_device("dev-2", "thermo");
  Claimer claimer(house, mqtt::Version::v311);
  const auto made = claimer.ask("$aws/certificates/create/json", "").body;
  const auto done = claimer.provision(made["certificateOwnershipToken"],
                                      {{"SerialNumber", "dev-2"}, {"accessToken", token}});
  EXPECT_EQ(done.body["thingName"], "dev-2") << done.body;
  EXPECT_EQ(connects(house, made["certificatePem"], made["privateKey"], "dev-2"), 0);
}

TEST(Fleet, SpeaksCbor) {
  House house;
  Claimer claimer(house);
  const auto wish = json::to_cbor(json{{"certificateSigningRequest", make_csr("x").csr}});
  const auto reply =
      claimer.ask("$aws/certificates/create-from-csr/cbor", std::string(wish.begin(), wish.end()));
  EXPECT_EQ(reply.topic, "$aws/certificates/create-from-csr/cbor/accepted");
  EXPECT_EQ(reply.body["certificateId"].get<std::string>().size(), 64U);
}

TEST(Fleet, RefusesPayloadsThatAreTooDeep) {
  House house;
  Claimer claimer(house);
  // Arrays of one, a hundred thousand levels of them.
  const auto cbor = claimer.ask("$aws/certificates/create-from-csr/cbor", std::string(100'000, '\x81'));
  EXPECT_EQ(cbor.body["errorCode"], "InvalidPayload");
  const auto text = claimer.ask("$aws/certificates/create-from-csr/json", std::string(100'000, '['));
  EXPECT_EQ(text.body["errorCode"], "InvalidPayload");
}

TEST(Fleet, RefusesInAwsWords) {
  House house;
  const auto token = house.add_device("dev-1", "thermo");
  Claimer claimer(house);
  EXPECT_EQ(claimer.ask("$aws/certificates/create-from-csr/json", "{").body["errorCode"], "InvalidPayload");
  EXPECT_EQ(claimer.ask("$aws/certificates/create-from-csr/json", "{}").body["statusCode"], 400);
  EXPECT_EQ(claimer.provision("none", json::object()).body["errorCode"], "InvalidCertificateOwnershipToken");
  const auto made = claimer.create_from_csr(make_csr("dev-1").csr);
  const std::string owned = made["certificateOwnershipToken"];
  EXPECT_EQ(claimer.provision(owned, json::object(), "nothing").body["statusCode"], 404);
  const auto denied = claimer.provision(owned, {{"SerialNumber", "dev-1"}, {"accessToken", "wrong"}});
  EXPECT_EQ(denied.topic, "$aws/provisioning-templates/fleet/provision/json/rejected");
  EXPECT_EQ(denied.body["statusCode"], 403);
  EXPECT_EQ(denied.body["errorCode"], "AccessDenied");
  EXPECT_EQ(claimer.provision(owned, {{"SerialNumber", "dev-1"}, {"accessToken", token}}).body["thingName"],
            "dev-1");
  EXPECT_EQ(claimer.provision(owned, {{"SerialNumber", "dev-1"}, {"accessToken", token}}).body["errorCode"],
            "InvalidCertificateOwnershipToken")
      << "a token is used once";
}

TEST(Fleet, ForgetsCertificatesThatNobodyProvisionedForAnHour) {
  House house;
  Claimer claimer(house);
  const auto made = claimer.create_from_csr(make_csr("dev-1").csr);
  const std::string id = made["certificateId"];
  house.pass(59min);
  EXPECT_EQ(status_of(house, id), "PENDING_ACTIVATION");
  house.pass(2min);
  EXPECT_EQ(control(house, "GET", "/certificates/" + id).error(), "404 ResourceNotFoundException");
}

TEST(Fleet, RepliesToTheAskingClientAlone) {
  House house;
  auto other = house.client("gw-1");
  house.add_thing("spy", {"all"});
  auto spy = house.tls_peer("spy");
  spy->send(bytes_of(connect_packet("spy")));
  house.next_packet(*spy);
  spy->send(subscribe_bytes(
      {"$aws/certificates/create-from-csr/json/accepted", "$aws/certificates/create-from-csr/json"}));
  EXPECT_EQ(type_of(house.next_packet(*spy)), mqtt::PacketType::suback);
  Claimer claimer(house);
  claimer.create_from_csr(make_csr("dev-1").csr);
  house.settle();
  EXPECT_FALSE(spy->has_packet());
}

TEST(Fleet, HasTroubleOnDemand) {
  House house;
  Claimer claimer(house);
  const auto csr = json{{"certificateSigningRequest", make_csr("x").csr}}.dump();
  const std::string topic = "$aws/certificates/create-from-csr/json";
  ASSERT_TRUE(house.cloud->faults().set({{"kind", "fleet-throttle"}, {"next", 1}}));
  EXPECT_EQ(claimer.ask(topic, csr).body["statusCode"], 429);
  ASSERT_TRUE(house.cloud->faults().set({{"kind", "fleet-error"}, {"status", 503}, {"next", 1}}));
  EXPECT_EQ(claimer.ask(topic, csr).body["statusCode"], 503);
  ASSERT_TRUE(house.cloud->faults().set({{"kind", "fleet-lose-answer"}, {"next", 1}}));
  claimer.peer->send(publish_bytes(topic, csr, 90));
  EXPECT_EQ(type_of(house.next_packet(*claimer.peer)), mqtt::PacketType::puback);
  house.settle();
  EXPECT_FALSE(claimer.peer->has_packet());
  EXPECT_EQ(control(house, "GET", "/certificates").json()["certificates"].size(), 2U) << "it was made";
  ASSERT_TRUE(house.cloud->faults().set({{"kind", "fleet-slow"}, {"ms", 500}, {"next", 1}}));
  claimer.peer->send(publish_bytes(topic, csr, 91));
  EXPECT_EQ(type_of(house.next_packet(*claimer.peer)), mqtt::PacketType::puback);
  house.settle();
  EXPECT_FALSE(claimer.peer->has_packet());
  house.pass(500ms);
  EXPECT_EQ(type_of(house.next_packet(*claimer.peer)), mqtt::PacketType::publish);
}

TEST(Fleet, GivesClaimsForFiveMinutesToTrustedUsers) {
  House house;
  const auto claim = control(house, "POST", "/provisioning-templates/fleet/provisioning-claim").json();
  EXPECT_EQ(connects(house, claim["certificatePem"], claim["keyPair"]["PrivateKey"], "claim-installer"), 0);
  house.pass(306s);
  EXPECT_EQ(connects(house, claim["certificatePem"], claim["keyPair"]["PrivateKey"], "claim-installer"), -1);
}

struct OwnAuthority {
  explicit OwnAuthority(House& h, const json& config = nullptr)
      : house(h), pair(*make_authority("A maker", h.clock.wall())) {
    json wish = {{"caCertificate", pair.certificate}, {"certificateMode", "SNI_ONLY"}};
    if (!config.is_null()) wish["registrationConfig"] = config;
    const auto made =
        control(house, "POST", "/cacertificate?setAsActive=true&allowAutoRegistration=true", wish);
    EXPECT_EQ(made.status, 200U) << made.body;
    id = made.json()["certificateId"];
  }
  House& house;
  KeyAndCertificate pair;
  std::string id;
};

TEST(JustInTime, ProvisionsByTheTemplateOnTheFirstConnectAndDropsIt) {
  House house;
  OwnAuthority own(house, {{"templateName", "jitp"}});
  const auto device = make_client_certificate(own.pair, "dev-7", house.clock.wall());
  EXPECT_EQ(connects(house, device->certificate, device->key, "dev-7"), -1);
  house.settle();
  EXPECT_EQ(connects(house, device->certificate, device->key, "dev-7"), 0);
  EXPECT_EQ(control(house, "GET", "/things/dev-7").json()["attributes"]["provisionedBy"], "jitp");
}

TEST(JustInTime, TakesTheChainToo) {
  House house;
  OwnAuthority own(house, {{"templateName", "jitp"}});
  const auto device = make_client_certificate(own.pair, "dev-8", house.clock.wall());
  EXPECT_EQ(connects(house, device->certificate + own.pair.certificate, device->key, "dev-8"), -1);
  house.settle();
  EXPECT_EQ(connects(house, device->certificate + own.pair.certificate, device->key, "dev-8"), 0);
}

TEST(JustInTime, FailsWhereTheSubjectHasNoFieldThatTheTemplateWants) {
  House house;
  OwnAuthority own(
      house,
      {{"templateBody",
        R"({"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Ref":"AWS::IoT::Certificate::SerialNumber"}}}}})"}});
  const auto device = make_client_certificate(own.pair, "dev-9", house.clock.wall());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(connects(house, device->certificate, device->key, "dev-9"), -1);
    house.settle();
  }
  const auto listed = control(house, "GET", "/certificates-by-ca/" + own.id).json()["certificates"];
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0]["status"], "PENDING_ACTIVATION");
}

TEST(JustInTime, RegistersAndTellsTheRuleWhichActivates) {
  House house;
  house.add_thing("watcher", {"all"});
  auto watcher = house.tls_peer("watcher");
  watcher->send(bytes_of(connect_packet("watcher")));
  house.next_packet(*watcher);
  watcher->send(subscribe_bytes({"$aws/events/certificates/registered/#"}));
  house.next_packet(*watcher);
  OwnAuthority own(house);
  const auto device = make_client_certificate(own.pair, "dev-10", house.clock.wall());
  EXPECT_EQ(connects(house, device->certificate, device->key, "dev-10"), -1);
  const auto packet = house.next_packet(*watcher);
  ASSERT_EQ(type_of(packet), mqtt::PacketType::publish);
  const auto decoded = mqtt::decode(packet, mqtt::Version::v5);
  const auto event = json::parse(std::get<mqtt::Publish>(*decoded.packet).payload);
  EXPECT_EQ(event["caCertificateId"], own.id);
  EXPECT_EQ(event["certificateStatus"], "PENDING_ACTIVATION");
  EXPECT_EQ(event["certificateId"], read_certificate(device->certificate)->id);
  EXPECT_EQ(connects(house, device->certificate, device->key, "dev-10"), 0)
      << "the function behind the rule activated it";
}

TEST(JustInTime, LeavesOutAuthoritiesThatMayNotOrAreInactive) {
  House house;
  OwnAuthority own(house, {{"templateName", "jitp"}});
  const auto device = make_client_certificate(own.pair, "dev-11", house.clock.wall());
  const auto path = "/cacertificate/" + own.id;
  ASSERT_EQ(control(house, "PUT", path + "?newAutoRegistrationStatus=DISABLE").status, 200U);
  EXPECT_EQ(connects(house, device->certificate, device->key, "dev-11"), -1);
  ASSERT_EQ(control(house, "PUT", path + "?newAutoRegistrationStatus=ENABLE&newStatus=INACTIVE").status,
            200U);
  EXPECT_EQ(connects(house, device->certificate, device->key, "dev-11"), -1);
  house.settle();
  EXPECT_TRUE(control(house, "GET", "/certificates-by-ca/" + own.id).json()["certificates"].empty());
}

TEST(JustInTime, RefusesAnExpiredCertificate) {
  House house;
  OwnAuthority own(house, {{"templateName", "jitp"}});
  const auto device = make_client_certificate(own.pair, "dev-12", house.clock.wall());
  connects(house, device->certificate, device->key, "dev-12");
  house.settle();
  house.clock.set_wall(WallTime(std::chrono::seconds(2524608000)));  // one second after 2049
  EXPECT_EQ(connects(house, device->certificate, device->key, "dev-12"), -1);
}

}  // namespace
}  // namespace sluice::cloud::test
