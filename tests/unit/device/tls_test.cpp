// TLS listeners: certificates on both sides, what is wrong with files, rotation, deadlines (F16).
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tests/support/certificates.hpp"
#include "tests/unit/device/client.hpp"

namespace sluice::device::test {
namespace {

using sluice::test::make_certificate;
using sluice::test::Pem;

using mqtt::Reason;
using Ask = ListenerOptions::ClientCertificate;
constexpr std::int64_t kDay = 86'400;

struct TlsWorld : World {
  explicit TlsWorld(ListenerOptions::Kind kind = ListenerOptions::Kind::mqtts, Ask ask = Ask::none) {
    const auto n = std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch()).count();
    now = n;
    ca = make_certificate("test CA", now - kDay, now + 1000 * kDay, nullptr);
    give_server("gw", now - kDay, now + 365 * kDay);
    options.listen = {listener(kind)};
    options.listen[0].tls = {scratch.path() / "server.crt", scratch.path() / "server.key",
                             write("ca.crt", ca.certificate)};
    options.listen[0].client_certificate = ask;
  }
  void give_server(const std::string& name, std::int64_t from, std::int64_t to) {
    const auto pem = make_certificate(name, from, to, &ca);
    write("server.crt", pem.certificate);
    write("server.key", pem.key);
  }
  ClientTls client_files(const std::string& name, std::int64_t from, std::int64_t to, const Pem& issuer) {
    const auto pem = make_certificate(name, from, to, &issuer);
    return {scratch.path() / "ca.crt", write(name + ".client.crt", pem.certificate),
            write(name + ".client.key", pem.key)};
  }
  ClientTls no_certificate() const { return {scratch.path() / "ca.crt", {}, {}}; }
  Pem ca;
  std::int64_t now = 0;
};

TEST(Tls, CarriesMqttBothWays) {
  TlsWorld world;
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_TRUE(client.tls(world.no_certificate())) << client.error;
  ASSERT_EQ(client.connect(), Reason::success);
  const std::string large(300'000, 'x');
  ASSERT_EQ(client.subscribe("d/t1/#"), Reason::granted_qos1);
  client.send_publish("d/t1/large", large, 1, 4);
  bool acked = false, echoed = false;
  for (int i = 0; i < 2; ++i) {
    const auto packet = client.next();
    ASSERT_TRUE(packet);
    acked = acked || std::holds_alternative<mqtt::Ack>(*packet);
    if (const auto* publish = std::get_if<mqtt::Publish>(&*packet)) echoed = publish->payload == large;
  }
  EXPECT_TRUE(acked && echoed);
}

TEST(Tls, LogsAClientInByItsCertificate) {
  TlsWorld world(ListenerOptions::Kind::mqtts, Ask::required);
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_TRUE(client.tls(world.client_files("t1", world.now - kDay, world.now + kDay, world.ca)))
      << client.error;
  EXPECT_EQ(client.connect({.id = "t1", .user = "", .token = ""}), Reason::success);
  EXPECT_EQ(world.devices->devices()[0]["auth"], "certificate");

  Client unknown(world, world.devices->port(0));
  ASSERT_TRUE(unknown.tls(world.client_files("t9", world.now - kDay, world.now + kDay, world.ca)));
  EXPECT_EQ(unknown.connect({.id = "t9", .user = "", .token = ""}), Reason::not_authorized);

  Client liar(world, world.devices->port(0));
  ASSERT_TRUE(liar.tls(world.client_files("t9", world.now - kDay, world.now + kDay, world.ca)));
  EXPECT_EQ(liar.connect({.id = "t1", .user = "t1", .token = "secret-1"}), Reason::not_authorized);
}

TEST(Tls, TakesATokenWhereTheCertificateIsOptional) {
  TlsWorld world(ListenerOptions::Kind::mqtts, Ask::optional);
  world.start();
  Client with(world, world.devices->port(0));
  ASSERT_TRUE(with.tls(world.client_files("t1", world.now - kDay, world.now + kDay, world.ca)));
  EXPECT_EQ(with.connect({.id = "t1", .user = "", .token = ""}), Reason::success);
  Client without(world, world.devices->port(0));
  ASSERT_TRUE(without.tls(world.no_certificate()));
  EXPECT_EQ(without.connect(), Reason::success);
}

// TLS 1.3 tells the client only after its own handshake is done: what counts is that nobody gets to MQTT.
void expect_refused(World& world, const ClientTls& files, const char* why) {
  Client client(world, world.devices->port(0));
  if (client.tls(files)) client.send_connect({.id = "t1", .user = "t1", .token = "secret-1"});
  EXPECT_TRUE(client.wait_closed()) << why;
  EXPECT_TRUE(world.logged(why)) << why;
  EXPECT_EQ(world.devices->status()["auth"]["accepted"], 0);
}

TEST(F16Tls, RefusesAClientCertificateThatIsExpiredOrOfAnotherCaOrMissing) {
  TlsWorld world(ListenerOptions::Kind::mqtts, Ask::required);
  world.start();
  expect_refused(world, world.client_files("t1", world.now - 10 * kDay, world.now - kDay, world.ca),
                 "certificate has expired");
  expect_refused(world, world.client_files("t1", world.now + kDay, world.now + 2 * kDay, world.ca),
                 "not yet valid");
  const auto other = make_certificate("other CA", world.now - kDay, world.now + kDay, nullptr);
  expect_refused(world, world.client_files("t1", world.now - kDay, world.now + kDay, other),
                 "client certificate: ");
  expect_refused(world, world.no_certificate(), "peer did not return a certificate");
  EXPECT_EQ(world.devices->status()["listeners"][0]["handshakes_failed"], 4);
}

TEST(F16Tls, ServesDevicesWhileTheClockIsNotPlausible) {
  TlsWorld world(ListenerOptions::Kind::mqtts, Ask::required);
  world.clock.set_plausible(false);
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_TRUE(client.tls(world.client_files("t1", world.now + kDay, world.now + 2 * kDay, world.ca)))
      << client.error;
  EXPECT_EQ(client.connect({.id = "t1", .user = "", .token = ""}), Reason::success);
}

TEST(F16Tls, RefusesAKeyThatDoesNotBelongToTheCertificate) {
  TlsWorld world;
  world.write("server.key", make_certificate("x", world.now, world.now + kDay, nullptr).key);
  const auto started = world.try_start();
  ASSERT_FALSE(started.has_value());
  EXPECT_NE(started.error().text.find("server.key does not belong to the certificate"), std::string::npos)
      << started.error().text;
}

TEST(F16Tls, NamesPathAndOwnerOfAKeyThatItMayNotRead) {
  TlsWorld world;
  std::filesystem::permissions(world.scratch.path(), std::filesystem::perms(0755));
  ::chmod((world.scratch.path() / "server.crt").c_str(), 0644);
  ::chmod((world.scratch.path() / "server.key").c_str(), 0600);
  world.options.devices.clear();
  if (::geteuid() != 0 || ::seteuid(65534) != 0) GTEST_SKIP() << "needs root to give up rights";
  const auto started = world.try_start();
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().text.find("cannot listen"), std::string::npos);
  for (const char* words : {"server.key", "Permission denied", "owner root", "mode 0600"}) {
    EXPECT_NE(started.error().text.find(words), std::string::npos) << words << ": " << started.error().text;
  }
}

TEST(F16Tls, NamesAFileThatIsMissingOrNoCertificate) {
  TlsWorld world;
  world.options.listen[0].tls.certificate = "/nowhere/server.crt";
  auto started = world.try_start();
  ASSERT_FALSE(started.has_value());
  EXPECT_NE(started.error().text.find("/nowhere/server.crt: No such file"), std::string::npos)
      << started.error().text;
  world.options.listen[0].tls.certificate = world.write("server.crt", "not a certificate");
  started = world.try_start();
  ASSERT_FALSE(started.has_value());
  EXPECT_NE(started.error().text.find("not a usable PEM certificate"), std::string::npos)
      << started.error().text;
}

TEST(F16Tls, StartsWithAnExpiredCertificateAndSaysSo) {
  TlsWorld world;
  world.give_server("gw", world.now - 10 * kDay, world.now - kDay);
  world.start();
  EXPECT_TRUE(world.logged("expired on"));
  EXPECT_NE(world.devices->status()["listeners"][0]["trouble"].get<std::string>().find("expired on"),
            std::string::npos);
}

TEST(F16Tls, PicksUpARotatedCertificateWithoutDroppingConnections) {
  TlsWorld world;
  world.start();
  const auto end = world.devices->status()["listeners"][0]["certificate_ends"].get<std::int64_t>();
  Client old(world, world.devices->port(0));
  ASSERT_TRUE(old.tls(world.no_certificate()));
  ASSERT_EQ(old.connect({.id = "t1.old", .user = "t1", .token = "secret-1", .keep_alive = 600}),
            Reason::success);
  world.give_server("gw renewed", world.now - kDay, world.now + 500 * kDay);
  world.pass(61s);
  EXPECT_TRUE(world.logged("new certificate loaded"));
  EXPECT_GT(world.devices->status()["listeners"][0]["certificate_ends"].get<std::int64_t>(), end);
  Client fresh(world, world.devices->port(0));
  ASSERT_TRUE(fresh.tls(world.no_certificate())) << fresh.error;
  EXPECT_EQ(fresh.connect(), Reason::success);
  EXPECT_EQ(old.publish("d/t1/x", "1"), Reason::success);
}

TEST(F16Tls, KeepsTheOldCertificateWhenTheNewFilesAreNoGood) {
  TlsWorld world;
  world.start();
  world.write("server.key", "half a file");
  world.pass(125s);
  EXPECT_EQ(std::count_if(
                world.log.begin(), world.log.end(),
                [](const auto& line) { return line.find("the old certificate stays in use") != line.npos; }),
            1);
  Client client(world, world.devices->port(0));
  ASSERT_TRUE(client.tls(world.no_certificate())) << client.error;
  EXPECT_EQ(client.connect(), Reason::success);
}

TEST(Tls, EndsAHandshakeThatDoesNotComeForward) {
  TlsWorld world;
  world.start();
  Client silent(world, world.devices->port(0));
  Client slow(world, world.devices->port(0));
  slow.send(std::string_view("\x16\x03\x01\x02\x00\x01", 6));
  world.pass(9s);
  EXPECT_FALSE(silent.closed());
  world.pass(2s);
  EXPECT_TRUE(silent.wait_closed());
  EXPECT_TRUE(slow.wait_closed());
  EXPECT_EQ(world.devices->status()["listeners"][0]["handshakes_failed"], 2);
}

TEST(Tls, IsNotShutOutByManyHandshakesThatDoNotComeForward) {
  TlsWorld world;
  world.start();
  std::vector<std::unique_ptr<Client>> silent;
  for (int i = 0; i < 80; ++i) silent.push_back(std::make_unique<Client>(world, world.devices->port(0)));
  world.settle();
  EXPECT_LE(world.devices->status()["links"], 64);
  Client client(world, world.devices->port(0));
  world.pass(6s);  // those who let others wait have two seconds
  EXPECT_TRUE(client.tls(world.no_certificate())) << client.error;
  EXPECT_EQ(client.connect(), Reason::success);
}

TEST(Tls, SurvivesGarbageInPlaceOfAHandshake) {
  TlsWorld world;
  world.start();
  Client plain(world, world.devices->port(0));
  plain.send_connect({.id = "t1", .user = "t1", .token = "secret-1"});
  EXPECT_TRUE(plain.wait_closed());
  Client client(world, world.devices->port(0));
  ASSERT_TRUE(client.tls(world.no_certificate()));
  EXPECT_EQ(client.connect(), Reason::success);
}

TEST(Tls, CarriesAWebSocket) {
  TlsWorld world(ListenerOptions::Kind::wss);
  world.start();
  Client client(world, world.devices->port(0));
  ASSERT_TRUE(client.tls(world.no_certificate())) << client.error;
  ASSERT_EQ(client.websocket(), 101) << client.error;
  ASSERT_EQ(client.connect(), Reason::success);
  EXPECT_EQ(client.publish("d/t1/x", std::string(70'000 / 2, 'y')), Reason::success);
  EXPECT_EQ(world.devices->status()["clients"][0]["transport"], "wss");
}

}  // namespace
}  // namespace sluice::device::test
