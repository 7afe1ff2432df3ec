// What frames mean, and codecs that keep the rules of codec.h or break them.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "plugins/codec.h"
#include "plugins/serial/dialect.hpp"
#include "plugins/serial/settings.hpp"
#include "tests/support/scratch.hpp"

namespace sluice::serial {
namespace {

using Json = adapter::Json;

struct Said {
  Decoded decoded;
  std::vector<Reading> readings;
  Dialect::Frames replies;
};

Said decode(Dialect& dialect, std::string_view frame) {
  Said said;
  said.decoded = dialect.decode(frame, said.readings, said.replies);
  return said;
}

TEST(Plain, FindsTheAddressInJson) {
  const auto dialect =
      make_plain({.format = PlainOptions::Format::json, .from = PlainOptions::From::json, .pointer = "/id"});
  EXPECT_EQ(decode(*dialect, R"({"id": "th-1", "t": 21})").readings.at(0).address, "th-1");
  EXPECT_EQ(decode(*dialect, R"({"id": 7})").readings.at(0).address, "7");
  for (const auto* bad : {"{", "[1]", R"({"x": 1})", R"({"id": {}})", R"({"id": ""})", "21"})
    EXPECT_EQ(decode(*dialect, bad).decoded, Decoded::bad) << bad;
}

TEST(Plain, FindsTheAddressInABinaryFrame) {
  const auto dialect = make_plain({.format = PlainOptions::Format::binary,
                                   .from = PlainOptions::From::byte,
                                   .pointer = {},
                                   .at = 1,
                                   .poll = "\x01{address}\x03"});
  EXPECT_EQ(decode(*dialect, "\x01\x07\x03").readings.at(0).address, "7");
  EXPECT_EQ(decode(*dialect, "\x01").decoded, Decoded::bad);
  EXPECT_EQ(dialect->poll("7"), Dialect::Frames{"\x01\x07\x03"});
}

TEST(Plain, FindsTheAddressInAField) {
  const auto dialect = make_plain(
      {.format = PlainOptions::Format::text, .from = PlainOptions::From::field, .pointer = {}, .at = 1});
  EXPECT_EQ(decode(*dialect, "$TEMP,a7,21.5").readings.at(0).address, "a7");
  EXPECT_EQ(decode(*dialect, "21.5").decoded, Decoded::bad);
  EXPECT_EQ(decode(*dialect, "  ").decoded, Decoded::nothing);
}

TEST(Plain, AcknowledgesWithTheSequenceThatTheDeviceGave) {
  const auto dialect = make_plain({.format = PlainOptions::Format::json,
                                   .from = PlainOptions::From::json,
                                   .pointer = "/id",
                                   .ack = R"({"ack":{seq},"to":"{address}"})",
                                   .nack = "NO"});
  EXPECT_EQ(dialect->ack("th-1", R"({"id":"th-1","seq":41})", true),
            Dialect::Frames{R"({"ack":41,"to":"th-1"})"});
  EXPECT_EQ(dialect->ack("th-1", R"({"id":"th-1"})", true), Dialect::Frames{R"({"ack":,"to":"th-1"})"});
  EXPECT_EQ(dialect->ack("th-1", "", false), Dialect::Frames{"NO"});
}

TEST(Plain, ReadsEscapes) {
  EXPECT_EQ(*unescaped(R"(\x02a\r\n\\\x7f)"),
            "\x02"
            "a\r\n\\\x7f");
  for (const auto* bad : {"\\", "\\q", "\\x", "\\x1", "\\xgg", "\\x1g"}) EXPECT_FALSE(unescaped(bad)) << bad;
}

class Codecs : public testing::Test {
 protected:
  result<std::unique_ptr<Dialect>> load(const std::string& name, const std::string& config = "{}") {
    return load_codec(std::string(SLUICE_TEST_CODECS) + "/" + name + ".so", config,
                      [this](int level, std::string_view text) {
                        log.push_back(std::to_string(level) + " " + std::string(text));
                      });
  }
  std::string trouble(const std::string& name) {
    const auto loaded = load(name);
    return loaded ? "" : loaded.error().text;
  }
  std::vector<std::string> log;
};

TEST_F(Codecs, TranslateBothWays) {
  const auto codec = load("good");
  ASSERT_TRUE(codec) << codec.error().text;
  auto said = decode(**codec, "7t21.5");
  ASSERT_EQ(said.decoded, Decoded::readings);
  EXPECT_EQ(said.readings[0].address, "7");
  EXPECT_EQ(said.readings[0].topic, "temp");
  EXPECT_EQ(said.readings[0].payload, "21.5");
  EXPECT_EQ(decode(**codec, ".").decoded, Decoded::nothing);
  EXPECT_EQ(decode(**codec, "7").decoded, Decoded::bad);
  said = decode(**codec, "!");
  EXPECT_EQ(said.decoded, Decoded::nothing);
  EXPECT_EQ(said.replies, Dialect::Frames{"pong"});
  EXPECT_EQ(*(*codec)->encode("7", "cmd", "on"), Dialect::Frames{"7on"});
  EXPECT_FALSE((*codec)->encode("7", "cmd", std::string(100, 'x')));
  EXPECT_EQ((*codec)->poll("7"), (Dialect::Frames{"7", "?"}));
  EXPECT_EQ((*codec)->ack("7", "7t21.5", true), Dialect::Frames{"ok"});
  EXPECT_EQ((*codec)->ack("7", "7t21.5", false), Dialect::Frames{"no"});
}

TEST_F(Codecs, MaySayNoToTheirConfiguration) {
  const auto refused = load("good", R"({"no":1})");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("does not take its codec_config"), std::string::npos);
  EXPECT_EQ(log, std::vector<std::string>{"3 it says no"});
}

TEST_F(Codecs, F22AreRefusedWhenTheyAreNoneOfThisVersion) {
  EXPECT_NE(trouble("bad_symbol").find("no symbol sluice_codec_v1"), std::string::npos)
      << trouble("bad_symbol");
  EXPECT_NE(trouble("bad_abi").find("of abi 7"), std::string::npos);
  EXPECT_NE(trouble("bad_size").find("too small"), std::string::npos);
  EXPECT_NE(trouble("bad_null").find("lacks one of"), std::string::npos);
  EXPECT_NE(trouble("bad_nothing").find("gives nothing"), std::string::npos);
  EXPECT_NE(trouble("bad_open").find("does not take its codec_config"), std::string::npos);
  EXPECT_NE(trouble("not_there").find("no such file"), std::string::npos);
}

TEST_F(Codecs, OfAnotherSizeAreReadAsFarAsBothKnow) {
  EXPECT_EQ(trouble("bad_newer"), "");
  const auto older = load("bad_older");
  ASSERT_TRUE(older);
  // What lies behind its size is not its, whatever is there.
  EXPECT_FALSE((*older)->encode("7", "", "x"));
  EXPECT_TRUE((*older)->poll("7").empty());
  EXPECT_TRUE((*older)->ack("7", "", true).empty());
}

TEST_F(Codecs, F22AreHeldToWhatTheyMaySay) {
  for (const auto* name : {"bad_null_bytes", "bad_huge", "bad_flood", "bad_frames", "bad_code"}) {
    const auto codec = load(name);
    ASSERT_TRUE(codec) << name;
    const auto said = decode(**codec, "frame");
    EXPECT_EQ(said.decoded, Decoded::failed) << name;
    EXPECT_TRUE(said.readings.empty() && said.replies.empty()) << name;
  }
  const auto codec = load("bad_log");
  ASSERT_TRUE(codec);
  log.clear();
  EXPECT_EQ(decode(**codec, "frame").decoded, Decoded::nothing);
  ASSERT_EQ(log.size(), 1U);
  EXPECT_LE(log[0].size(), 520U);
  EXPECT_TRUE(log[0].starts_with("6 "));
}

TEST_F(Codecs, AreRefusedWhenOthersMayWriteThem) {
  const test::Scratch scratch;
  const auto copy = scratch.path() / "copy.so";
  std::filesystem::copy(std::string(SLUICE_TEST_CODECS) + "/good.so", copy);
  ::chmod(copy.c_str(), 0777);
  const auto refused = load_codec(copy.string(), "{}", {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("chmod go-w"), std::string::npos);
  EXPECT_FALSE(load_codec("good.so", "{}", {}));
}

TEST_F(Codecs, AreRefusedWhereOthersCanPutAnotherInTheirPlace) {
  const test::Scratch scratch;
  const auto folder = scratch.path() / "codecs", inner = folder / "inner";
  std::filesystem::create_directories(inner);
  std::filesystem::copy(std::string(SLUICE_TEST_CODECS) + "/good.so", inner / "good.so");
  const auto trouble = [](const std::filesystem::path& path) {
    const auto loaded = load_codec(path.string(), "{}", {});
    return loaded ? "" : loaded.error().text;
  };
  EXPECT_EQ(trouble(inner / "good.so"), "");
  ::chmod(folder.c_str(), 0777);
  EXPECT_NE(trouble(inner / "good.so").find("others may write into the folder " + folder.string()),
            std::string::npos)
      << trouble(inner / "good.so");
  // Nor does a link in a good folder help.
  std::filesystem::create_symlink(inner / "good.so", scratch.path() / "link.so");
  EXPECT_NE(trouble(scratch.path() / "link.so").find("others may write into the folder"), std::string::npos);
  ::chmod(folder.c_str(), 01777);
  EXPECT_EQ(trouble(inner / "good.so"), "") << "sticky";
  ::chmod(folder.c_str(), 0755);
  EXPECT_EQ(trouble(scratch.path() / "link.so"), "");
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  ASSERT_EQ(::chown(folder.c_str(), 12345, 12345), 0);
  EXPECT_NE(trouble(inner / "good.so").find("belongs to somebody else"), std::string::npos);
}

TEST_F(Codecs, HaveAnAbiThatIsWrittenDown) {
  // The layout is a promise: 64-bit machines.
  static_assert(sizeof(void*) != 8 || (sizeof(sluice_bytes) == 16 && sizeof(sluice_codec_host) == 40 &&
                                       sizeof(sluice_codec) == 64));
  static_assert(offsetof(sluice_codec, abi) == 0 && offsetof(sluice_codec, size) == 4);
  static_assert(offsetof(sluice_codec_host, abi) == 0 && offsetof(sluice_codec_host, size) == 4);
}

TEST(SerialSettings, SayWhatTheSchemaCannot) {
  const auto trouble = [](Json section) {
    section["port"] = "/dev/null";
    const auto read = read_settings(section);
    return read ? "" : read.error().text;
  };
  const Json one = {{{"id", "a"}}};
  EXPECT_EQ(trouble({{"devices", one}}), "");
  EXPECT_EQ(trouble({{"others", "x-{address}"}}), "");
  EXPECT_NE(trouble(Json::object()).find("name the devices"), std::string::npos);
  EXPECT_NE(trouble({{"devices", {{{"id", "a"}}, {{"id", "b"}}}}}).find("address"), std::string::npos);
  EXPECT_NE(trouble({{"devices", {{{"id", "a"}, {"address", "1"}}, {{"id", "a"}, {"address", "2"}}}}})
                .find("twice"),
            std::string::npos);
  EXPECT_NE(trouble({{"devices", one}, {"format", "codec"}}).find("codec"), std::string::npos);
  EXPECT_NE(trouble({{"devices", one}, {"codec", "/x.so"}}).find("codec"), std::string::npos);
  EXPECT_NE(trouble({{"devices", one}, {"framing", "fixed"}}).find("size"), std::string::npos);
  EXPECT_NE(trouble({{"devices", one}, {"ack", "\\q"}}).find("ack: "), std::string::npos);
  EXPECT_NE(trouble({{"devices", one}, {"address", {{"from", "json"}}}}).find("format: json"),
            std::string::npos);
  EXPECT_NE(trouble({{"others", "x"}, {"mode", "poll"}}).find("who is to be asked"), std::string::npos);
  EXPECT_NE(trouble({{"devices", {{{"id", "a"}, {"token_file", "/not/there"}}}}}).find("cannot be read"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::serial
