#include "cloud/local/registry/registry.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "cloud/local/certificates.hpp"
#include "cloud/local/files.hpp"
#include "cloud/local/setup.hpp"
#include "tests/support/scratch.hpp"

namespace sluice::cloud {
namespace {

constexpr WallTime kNow{std::chrono::seconds(1793491200)};

struct RegistryTest : testing::Test {
  RegistryTest() {
    EXPECT_TRUE(init_directory(directory, {"eu-central-1", "us-east-1"}, {"cloud.example"}, kNow));
  }

  result<void> add(NewThing thing) { return add_thing(directory, thing, kNow); }
  std::string certificate_of(const std::string& name) {
    return read_certificate(*read_file(directory / "things" / name / "cert.pem"))->id;
  }
  unsigned mode_of(const std::filesystem::path& path) {
    struct stat st{};
    return ::stat(path.c_str(), &st) == 0 ? st.st_mode & 0777U : 0U;
  }
  // Writes and makes sure that the time of the file moves, whatever the clock's grain.
  void edit(const std::filesystem::path& path, const std::string& text) {
    const auto before = std::filesystem::exists(path) ? std::filesystem::last_write_time(path)
                                                      : std::filesystem::file_time_type::min();
    std::ofstream(path, std::ios::trunc) << text;
    if (before != std::filesystem::file_time_type::min()) {
      std::filesystem::last_write_time(path, before + std::chrono::seconds(1));
    }
  }
  sluice::test::Scratch scratch;
  std::filesystem::path directory = scratch.path() / "cloud";
};

TEST_F(RegistryTest, HaveKeysThatOnlyTheirOwnerReads) {
  ASSERT_TRUE(add({"gw-1", "gateway", {{"site", "north"}}, {}, {}}));
  EXPECT_EQ(mode_of(directory / "ca.key"), 0600U);
  EXPECT_EQ(mode_of(directory / "server.key"), 0600U);
  EXPECT_EQ(mode_of(directory / "things" / "gw-1" / "key.pem"), 0600U);
}

TEST_F(RegistryTest, AreFoundByTheirCertificate) {
  ASSERT_TRUE(add({"gw-1", "gateway", {{"site", "north"}}, {}, {}}));
  Registry registry(directory, {});
  ASSERT_TRUE(registry.refresh());
  const auto principal = registry.principal(certificate_of("gw-1"));
  ASSERT_TRUE(principal);
  EXPECT_TRUE(principal->active());
  EXPECT_EQ(principal->thing, "gw-1");
  EXPECT_EQ(principal->policies.size(), 1U);
  const auto thing = registry.thing("gw-1");
  ASSERT_TRUE(thing);
  EXPECT_EQ(thing->type, "gateway");
  EXPECT_EQ(thing->attributes.at("site"), "north");
  EXPECT_EQ(thing->certificates, std::vector{principal->certificate_id});
  EXPECT_FALSE(registry.principal(std::string(64, '0')));
}

TEST_F(RegistryTest, MayBeAddedWhileTheCloudRuns) {
  Registry registry(directory, {});
  ASSERT_TRUE(registry.refresh());
  ASSERT_TRUE(add({"late", {}, {}, {}, {}}));
  EXPECT_TRUE(registry.principal(certificate_of("late")));
}

TEST_F(RegistryTest, LoseTheirCertificateWhenItIsSetInactive) {
  ASSERT_TRUE(add({"gw-1", {}, {}, {}, {}}));
  Registry registry(directory, {});
  const auto id = certificate_of("gw-1");
  ASSERT_TRUE(registry.principal(id)->active());
  auto description = nlohmann::json::parse(*read_file(directory / "things" / "gw-1" / "thing.json"));
  description["status"] = "INACTIVE";
  edit(directory / "things" / "gw-1" / "thing.json", description.dump());
  EXPECT_FALSE(registry.principal(id)->active());
}

TEST_F(RegistryTest, GetANewPolicyWhenItsFileChanges) {
  ASSERT_TRUE(add({"gw-1", {}, {}, {}, {}}));
  Registry registry(directory, {});
  const auto id = certificate_of("gw-1");
  const auto may = [&] {
    return allowed(registry.principal(id)->policies, "iot:Publish", "arn:aws:iot:r:a:topic/dt/x", {});
  };
  EXPECT_TRUE(may());
  edit(directory / "policies" / "default.json",
       R"({"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}})");
  EXPECT_FALSE(may());
  edit(directory / "policies" / "default.json", "broken");
  EXPECT_TRUE(registry.principal(id)->policies.empty());
}

TEST_F(RegistryTest, GoWithTheirFolder) {
  ASSERT_TRUE(add({"gw-1", {}, {}, {}, {}}));
  Registry registry(directory, {});
  const auto id = certificate_of("gw-1");
  ASSERT_TRUE(registry.principal(id));
  std::filesystem::remove_all(directory / "things" / "gw-1");
  EXPECT_FALSE(registry.principal(id));
  EXPECT_FALSE(registry.thing("gw-1"));
}

TEST_F(RegistryTest, MayShareACertificate) {
  ASSERT_TRUE(add({"gw-1", {}, {}, {}, {}}));
  ASSERT_TRUE(add({"gw-1-child", {}, {}, {}, "gw-1"}));
  Registry registry(directory, {});
  ASSERT_TRUE(registry.refresh());
  EXPECT_EQ(registry.thing("gw-1-child")->certificates, std::vector{certificate_of("gw-1")});
  EXPECT_FALSE(std::filesystem::exists(directory / "things" / "gw-1-child" / "key.pem"));
}

TEST_F(RegistryTest, AreRefusedWithTheReason) {
  EXPECT_FALSE(add({"../evil", {}, {}, {}, {}}));
  EXPECT_FALSE(add({"", {}, {}, {}, {}}));
  EXPECT_FALSE(add({std::string(129, 'x'), {}, {}, {}, {}}));
  ASSERT_TRUE(add({"gw-1", {}, {}, {}, {}}));
  EXPECT_EQ(add({"gw-1", {}, {}, {}, {}}).error().code, errc::exists);
  EXPECT_EQ(add({"gw-2", {}, {}, {"no-such-policy"}, {}}).error().code, errc::not_found);
  EXPECT_FALSE(std::filesystem::exists(directory / "things" / "gw-2"));
  EXPECT_EQ(init_directory(directory, {}, {}, kNow).error().code, errc::exists);
}

TEST_F(RegistryTest, AdoptPolicyFiles) {
  edit(scratch.path() / "mine.json",
       R"({"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})");
  ASSERT_TRUE(add({"gw-1", {}, {}, {(scratch.path() / "mine.json").string(), "default"}, {}}));
  EXPECT_TRUE(std::filesystem::exists(directory / "policies" / "mine.json"));
  Registry registry(directory, {});
  EXPECT_EQ(registry.principal(certificate_of("gw-1"))->policies.size(), 2U);
}

TEST_F(RegistryTest, GetTypesInEveryRegion) {
  ASSERT_TRUE(add_thing_type(directory, "thermo", kNow));
  ASSERT_TRUE(add_thing_type(directory, "thermo", kNow)) << "twice is no error";
  EXPECT_FALSE(add_thing_type(directory, "../evil", kNow));
  for (const auto& folder : {directory, directory / "regions" / "us-east-1"}) {
    Registry registry(folder, {});
    EXPECT_TRUE(registry.thing_types().find("thermo"));
  }
}

TEST_F(RegistryTest, LiveInTheirRegion) {
  NewThing thing;
  thing.name = "far";
  thing.region = "us-east-1";
  ASSERT_TRUE(add(thing));
  EXPECT_TRUE(Registry(directory / "regions" / "us-east-1", {}).thing("far"));
  EXPECT_FALSE(Registry(directory, {}).thing("far"));
}

TEST_F(RegistryTest, AreMissedWithAHint) {
  Registry registry(scratch.path() / "nowhere", {});
  const auto done = registry.refresh();
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().text.find("--init"), std::string::npos);
}

TEST(Certificates, TellWhatPoliciesAskOfThem) {
  const auto authority = make_authority("An authority", kNow);
  const auto pair = make_client_certificate(*authority, "gw-1", kNow);
  const auto facts = read_certificate(pair->certificate);
  ASSERT_TRUE(facts);
  PolicyVariables variables;
  for (const auto& [name, values] : facts->variables) variables.set(name, values);
  EXPECT_EQ(variables.substitute("iot:Certificate.Subject.CommonName"), "gw-1");
  EXPECT_EQ(variables.substitute("iot:Certificate.Issuer.CommonName"), "An authority");
  EXPECT_EQ(variables.substitute("iot:CertificateId")->size(), 64U);
  // 16 random bytes; a number has no leading zeros.
  const auto serial = variables.substitute("iot:Certificate.SerialNumber");
  EXPECT_TRUE(serial->size() <= 32 && serial->size() >= 20) << *serial;
  const std::vector<std::string> names = {"localhost", "127.0.0.1"};
  const auto server = read_certificate(make_server_certificate(*authority, names, kNow)->certificate);
  for (const auto& [name, values] : server->variables) variables.set(name, values);
  EXPECT_EQ(variables.substitute("iot:Certificate.Subject.AlternativeName.DNSName"), "localhost");
  EXPECT_EQ(variables.substitute("iot:Certificate.Subject.AlternativeName.IPAddress"), "127.0.0.1");
}

TEST(Certificates, OfLongNamesKeepX520) {
  const auto authority = make_authority("An authority", kNow);
  EXPECT_TRUE(make_client_certificate(*authority, std::string(128, 'n'), kNow));
  EXPECT_FALSE(read_certificate("nonsense"));
}

}  // namespace
}  // namespace sluice::cloud
