// The whole cloud over mutual TLS: who gets in, and that a PUBACK means that the log has it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cloud/local/files.hpp"
#include "tests/unit/cloud/cloud_house.hpp"

namespace sluice::cloud::test {
namespace {

using nlohmann::json;

TEST(CloudTls, TakesAPublishAndHasItInTheLogBeforeThePuback) {
  House house;
  house.add_thing("gw-1");
  auto peer = house.tls_peer("gw-1", "x-amzn-mqtt-ca");
  peer->send(bytes_of(connect_packet("gw-1")));
  const auto connack = house.next_packet(*peer);
  ASSERT_EQ(type_of(connack), mqtt::PacketType::connack);
  ASSERT_EQ(reason_of(connack), 0);
  for (std::uint16_t id = 1; id <= 50; ++id) {
    peer->send(publish_bytes("dt/x", "payload " + std::to_string(id), id));
    const auto puback = house.next_packet(*peer);
    ASSERT_EQ(type_of(puback), mqtt::PacketType::puback);
    ASSERT_EQ(reason_of(puback), 0);
    ASSERT_NE(house.log_text().find("payload " + std::to_string(id) + "\""), std::string::npos)
        << "acknowledged, not logged";
  }
  const auto status = json::parse(house.admin("GET", "/status"));
  EXPECT_EQ(status["clients"][0]["alpn"], "x-amzn-mqtt-ca");
  EXPECT_EQ(status["things"]["gw-1"]["received"], 50);
}

TEST(CloudTls, GrantsWhatAwsGrants) {
  House house;
  house.add_thing("gw-1");
  auto peer = house.tls_peer("gw-1");
  auto connect = connect_packet("gw-1");
  connect.keep_alive = 10;
  connect.session_expiry = 7 * 24 * 3600;
  peer->send(bytes_of(connect));
  const std::string packet = house.next_packet(*peer);
  const auto decoded = mqtt::decode(packet, mqtt::Version::v5);
  ASSERT_TRUE(decoded.packet) << decoded.error.text;
  const auto& connack = std::get<mqtt::Connack>(*decoded.packet);
  EXPECT_EQ(connack.maximum_qos, 1);
  EXPECT_EQ(connack.receive_maximum, 100);
  EXPECT_EQ(connack.maximum_packet_size, 149504U);
  EXPECT_EQ(connack.topic_alias_maximum, 8);
  EXPECT_EQ(connack.server_keep_alive, 30);
  EXPECT_EQ(connack.session_expiry, 3600U);
  EXPECT_EQ(connack.subscription_identifiers_available, false);
  EXPECT_NE(connack.retain_available, false);
}

TEST(CloudTls, RefusesTheCertificateOfAnotherAuthority) {
  House house, elsewhere;
  elsewhere.add_thing("gw-1");
  house.add_thing("gw-1");
  const auto folder = house.scratch.path() / "cloud" / "things" / "gw-1";
  for (const char* file : {"cert.pem", "key.pem"}) {
    std::filesystem::copy_file(elsewhere.scratch.path() / "cloud" / "things" / "gw-1" / file, folder / file,
                               std::filesystem::copy_options::overwrite_existing);
  }
  auto peer = house.tls_peer("gw-1");
  peer->send(bytes_of(connect_packet("gw-1")));
  EXPECT_EQ(house.next_packet(*peer), "");
  EXPECT_TRUE(peer->closed());
}

TEST(CloudTls, RefusesAClientWithoutACertificate) {
  House house;
  auto peer = house.tls_peer("");
  peer->send(bytes_of(connect_packet("gw-1")));
  EXPECT_EQ(house.next_packet(*peer), "");
  EXPECT_TRUE(peer->closed());
}

TEST(CloudTls, RefusesACertificateThatIsNotRegistered) {
  House house;
  house.add_thing("gw-1");
  house.add_thing("gone");
  auto peer = house.tls_peer("gone");
  std::filesystem::remove_all(house.scratch.path() / "cloud" / "things" / "gone");
  peer->send(bytes_of(connect_packet("gone")));
  EXPECT_EQ(house.next_packet(*peer), "");
  EXPECT_TRUE(peer->closed());
}

TEST(CloudTls, DisconnectsWhenTheCertificateIsSetInactive) {
  House house;
  house.add_thing("gw-1");
  auto peer = house.tls_peer("gw-1");
  peer->send(bytes_of(connect_packet("gw-1")));
  ASSERT_EQ(reason_of(house.next_packet(*peer)), 0);
  const auto file = house.scratch.path() / "cloud" / "things" / "gw-1" / "thing.json";
  auto description = json::parse(*read_file(file));
  description["status"] = "INACTIVE";
  std::filesystem::remove(file);
  ASSERT_TRUE(write_new_file(file, description.dump(), 0644));
  std::filesystem::last_write_time(file, std::filesystem::last_write_time(file) + std::chrono::seconds(1));
  house.pass(6s);
  const auto goodbye = house.next_packet(*peer);
  EXPECT_EQ(type_of(goodbye), mqtt::PacketType::disconnect);
  EXPECT_EQ(reason_of(goodbye), 0x87);
}

TEST(CloudTls, LetsAThingComeThatWasAddedWhileItRan) {
  House house;
  house.settle();
  house.add_thing("late");
  auto peer = house.tls_peer("late");
  peer->send(bytes_of(connect_packet("late")));
  EXPECT_EQ(type_of(house.next_packet(*peer)), mqtt::PacketType::connack);
}

TEST(CloudTls, TakesOnlyTheClientIdOfTheThing) {
  House house;
  house.add_thing("gw-1");
  house.add_thing("gw-2");
  auto peer = house.tls_peer("gw-1");
  peer->send(bytes_of(connect_packet("gw-2")));
  const auto connack = house.next_packet(*peer);
  ASSERT_EQ(type_of(connack), mqtt::PacketType::connack);
  EXPECT_EQ(reason_of(connack), 0x87);
  auto old = house.tls_peer("gw-1");
  old->send(bytes_of(connect_packet("gw-2", mqtt::Version::v311)));
  EXPECT_EQ(reason_of(house.next_packet(*old)), 7) << "AWS says 7, not 5";
}

TEST(CloudTls, SurvivesASlowHandshakeAndMakesAnImpatientPeerGoAway) {
  House house;
  house.add_thing("gw-1");
  ASSERT_TRUE(house.cloud->faults().set({{"kind", "slow-tls"}, {"ms", 400}}));
  auto peer = house.tls_peer("gw-1");
  peer->send(bytes_of(connect_packet("gw-1")));
  house.settle();
  EXPECT_FALSE(peer->ready());
  house.pass(500ms);
  EXPECT_EQ(type_of(house.next_packet(*peer)), mqtt::PacketType::connack);
}

TEST(CloudTls, EndsHandshakesThatNeverCome) {
  House house;
  auto silent = std::make_unique<Peer>(house.loop, house.cloud->ports().mqtt, nullptr);
  silent->open();
  house.settle();
  EXPECT_FALSE(silent->closed());
  house.pass(11s);
  EXPECT_TRUE(house.until([&] { return silent->closed(); }));
}

}  // namespace
}  // namespace sluice::cloud::test
