// The adapter's part of the configuration: what the schema cannot say.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "plugins/mqtt/settings.hpp"
#include "tests/support/scratch.hpp"

namespace sluice::site {
namespace {

using adapter::Json;

std::string trouble(Json section) {
  if (!section.contains("broker")) section["broker"] = "mqtt://broker.lan";
  if (!section.contains("shape")) section["shape"] = "tasmota";
  const auto read = read_settings(section, "shop");
  return read ? "" : read.error().text;
}

TEST(SiteSettings, ReadTheBrokersUrl) {
  const auto of = [](const char* url) {
    const auto read = read_settings({{"broker", url}, {"shape", "tasmota"}}, "shop");
    if (!read) return read.error().text;
    return read->link.host + " " + std::to_string(read->link.port) + (read->link.tls ? " tls" : "");
  };
  EXPECT_EQ(of("mqtt://broker.lan"), "broker.lan 1883");
  EXPECT_EQ(of("mqtts://broker.lan/"), "broker.lan 8883 tls");
  EXPECT_EQ(of("mqtts://[fd00::1]:4433"), "fd00::1 4433 tls");
  for (const auto* bad : {"broker.lan", "http://x", "mqtt://", "mqtt://x:0", "mqtt://x:99999", "mqtt://x:1x"})
    EXPECT_EQ(of(bad).substr(0, 7), "broker:") << bad;
  EXPECT_NE(of("mqtt://u:secret@x").find("give `user` and `password_file`"), std::string::npos);
  EXPECT_EQ(of("mqtt://u:secret@x").find("secret@"), std::string::npos);
}

TEST(SiteSettings, HaveAStableClientIdOfTheAdaptersName) {
  EXPECT_EQ(read_settings({{"broker", "mqtt://b"}, {"shape", "tasmota"}}, "shop")->link.session.client_id,
            "sluice-shop");
}

TEST(SiteSettings, SayWhatIsWrong) {
  EXPECT_EQ(trouble(Json::object()), "");
  EXPECT_NE(trouble({{"shape", "custom"}}).find("give a `shape`"), std::string::npos);
  EXPECT_NE(trouble({{"others", "all"}}).find("{name}"), std::string::npos);
  EXPECT_NE(trouble({{"others", ""}}).find("name the `devices`"), std::string::npos);
  EXPECT_NE(trouble({{"ca", "/x"}}).find("mqtts"), std::string::npos);
  EXPECT_NE(trouble({{"password_file", "/x"}}).find("goes with `user`"), std::string::npos);
  EXPECT_NE(trouble({{"rules", {{{"match", "a/{name"}}}}}).find("a brace without its partner"),
            std::string::npos);
  EXPECT_NE(trouble({{"devices", {{{"id", "a"}}, {{"id", "a"}}}}}).find("twice"), std::string::npos);
}

TEST(SiteSettings, TakeThePasswordFromAFileThatIsNotEverybodys) {
  const test::Scratch scratch;
  const auto path = scratch.path() / "password";
  std::ofstream(path) << "s3cret\n";
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  const Json section = {
      {"broker", "mqtt://b"}, {"shape", "tasmota"}, {"user", "u"}, {"password_file", path.string()}};
  EXPECT_NE(trouble(section).find("chmod 0600"), std::string::npos);
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  const auto read = read_settings(section, "shop");
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->link.session.password, "s3cret");
}

TEST(SiteSettings, PutOwnRulesBeforeThePresets) {
  const auto read = read_settings({{"broker", "mqtt://b"},
                                   {"shape", "tasmota"},
                                   {"rules", {{{"match", "tele/{name}/INFO1"}, {"role", "ignore"}}}}},
                                  "shop");
  ASSERT_TRUE(read);
  Captures captures;
  EXPECT_EQ(read->rules.find("tele/a/INFO1", captures)->role, Role::ignore);
  EXPECT_EQ(read->rules.find("tele/a/INFO2", captures)->role, Role::reading);
}

}  // namespace
}  // namespace sluice::site
