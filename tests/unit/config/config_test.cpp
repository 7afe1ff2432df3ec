// The file as a whole: what a user gets to see.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "config/render.hpp"
#include "tests/support/scratch.hpp"
#include "tests/unit/config/sample.hpp"

namespace sluice::config {
namespace {

using namespace test;

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

const std::filesystem::path kRoot = SLUICE_SOURCE_DIR;

TEST(Config, ReadsTheSample) {
  const auto parsed = parse(kSample);
  ASSERT_TRUE(parsed.problems.empty()) << text_of(parsed);
  EXPECT_EQ(parsed.options.thing, "gw-1");
  EXPECT_EQ(parsed.options.cloud.region, "eu-central-1");
  ASSERT_EQ(parsed.options.listen.size(), 1U);
  EXPECT_EQ(parsed.options.listen[0].address, "127.0.0.1");
  EXPECT_EQ(parsed.options.listen[0].port, 1883);
  ASSERT_EQ(parsed.options.products.size(), 1U);
  EXPECT_EQ(parsed.options.products[0].name, "thermo");
  ASSERT_EQ(parsed.options.routes.size(), 1U);
  EXPECT_EQ(parsed.options.routes[0].name, "d/+/temp");
  EXPECT_EQ(parsed.options.routes[0].line, 12);
}

TEST(Config, ReportsEveryProblemAtOnceWithItsPlace) {
  const auto parsed = parse(
      "gateway:\n"
      "  thingy: gw-1\n"
      "cloud:\n"
      "  endpoint: mqtts://abc\n"
      "  tls: { certificate: /c, key: /k, ca: /a }\n"
      "  keep_alive: 5s\n"
      "listen:\n"
      "  - http://127.0.0.1\n"
      "store:\n"
      "  when_full: drop_oldest\n");
  EXPECT_EQ(text_of(parsed),
            "test.yaml:1:1: gateway.thing: is missing; The gateway's thing name in AWS IoT; it is also its "
            "MQTT client id.\n"
            "test.yaml:2:3: gateway.thingy: unknown key, did you mean 'thing'?\n"
            "test.yaml:4:3: cloud.endpoint: found a URL, allowed: host or host:port, without 'mqtts://'\n"
            "test.yaml:6:15: cloud.keep_alive: found '5s', allowed: 30s..20m\n"
            "test.yaml:8:5: listen[0].url: found 'http://127.0.0.1', allowed: mqtt://, mqtts://, ws://, "
            "wss:// or unix:///\n"
            "test.yaml:10:14: store.when_full: found 'drop_oldest', allowed: one of drop-oldest refuse, did "
            "you mean 'drop-oldest'?\n");
}

TEST(Config, SaysWhereAMisplacedKeyBelongs) {
  expect_only(plus("thing: x\n"), "thing", "did you mean 'gateway.thing'?");
}

TEST(Config, ListsWhatIsAllowedWhenNothingIsNear) {
  expect_only(plus("store: { wombat: 1 }\n"), "store.wombat",
              "allowed: directory, max, when_full, commit_delay");
}

TEST(Config, NamesWhatIsNotInThisVersion) {
  expect_only(with("cloud:\n", "cloud:\n  regions: [eu-central-1]\n"), "cloud.regions",
              "not in this version");
  expect_only(plus("shadow: {}\n"), "shadow", "not in this version");
}

TEST(Config, RefusesAValueOfTheWrongShape) {
  expect_only(plus("store: fast\n"), "store", "found a single value, allowed: a map of directory");
  expect_only(plus("store:\n"), "store", "found nothing");
  expect_only(plus("log: { level: [info] }\n"), "log.level", "found a list");
  expect_only(plus("log: { level: }\n"), "log.level", "found nothing");
  expect_only(with("[\"d/{device}/#\"]", "\"d/{device}/#\""), "devices.products.thermo.may_publish",
              "allowed: a list");
  EXPECT_FALSE(parse("- a\n- b\n").problems.empty());
  EXPECT_FALSE(parse("---\n").problems.empty());
}

TEST(Config, BoundsItsReport) {
  std::string text = kSample;
  for (int i = 0; i < 5000; ++i) text += "k" + std::to_string(i) + ": 1\n";
  EXPECT_EQ(parse(text).problems.size(), 100U);
}

TEST(Config, KeepsAProblemOnOneLineWhateverIsInTheFile) {
  const auto parsed = plus("\"a\\nb\": 1\n");
  const auto text = text_of(parsed);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST(Config, TakesRelativePathsFromTheFilesFolder) {
  auto text = kSample;
  text.replace(text.find("/c,"), 3, "keys/c,");
  EXPECT_EQ(parse_config(text, "/etc/sluice/sluice.yaml").options.cloud.tls.certificate,
            "/etc/sluice/keys/c");
  EXPECT_EQ(parse_config(text, "/etc/sluice/sluice.yaml").options.cloud.tls.key, "/k");
}

TEST(Config, ReadsTheFilesThatShip) {
  for (const auto* name : {"sluice.yaml", "full.yaml"}) {
    const auto loaded = load_config(kRoot / "config" / name);
    ASSERT_TRUE(loaded) << loaded.error().text;
    EXPECT_TRUE(loaded->problems.empty()) << text_of(*loaded);
  }
}

TEST(Config, ShowsEveryKeyInTheFullFile) {
  const auto text = slurp(kRoot / "config/full.yaml");
  for (const auto& row : schema()) {
    if (row.type == Type::later) continue;
    const auto name = std::string(row.path.substr(row.path.find_last_of(".[{}") + 1));
    EXPECT_NE(text.find((name.empty() ? std::string(row.path) : name) + ":"), std::string::npos) << row.path;
  }
}

TEST(Config, ShowsWhatRunsAsAFileThatMeansTheSame) {
  for (auto text : {kSample, slurp(kRoot / "config/full.yaml")}) {
    if (const auto hash = text.find(", token_hash"); hash != std::string::npos)
      text.erase(hash, text.find(" }", hash) - hash);
    if (const auto none = text.find("thermo-2: { product: thermo }"); none != std::string::npos)
      text.erase(none, 29);
    const auto parsed = parse(text);
    ASSERT_TRUE(parsed.problems.empty()) << text_of(parsed);
    const auto shown = effective_config_yaml(parsed.options);
    const auto again = parse(shown);
    ASSERT_TRUE(again.problems.empty()) << text_of(again) << shown;
    EXPECT_EQ(effective_config_yaml(again.options), shown);
  }
}

TEST(Config, DoesNotShowTokenHashes) {
  const auto parsed = plus("# known\n");
  auto options = parsed.options;
  options.devices.push_back(
      {.id = "a", .product = "thermo", .token_file = {}, .token_hash = "$scrypt$secret", .certificate = {}});
  EXPECT_EQ(effective_config_yaml(options).find("secret"), std::string::npos);
}

TEST(Config, QuotesWhatYamlWouldMisread) {
  for (const std::string text :
       {"null", "~", "", "a: b", "#x", "{a}", "tr\"ue", "a\nb", "-x", "\\", "*a", "d/+/x", "ä"}) {
    const auto parsed = plus("# \n" + std::string("log: { level: info }\ncontrol: { socket: ") +
                             yaml_text("/" + text) + " }\n");
    ASSERT_TRUE(parsed.problems.empty()) << text << text_of(parsed);
    EXPECT_EQ(parsed.options.control.socket, "/" + text);
  }
  EXPECT_EQ(yaml_text("null"), "\"null\"");
}

TEST(Config, SaysWhoseAnUnreadableFileIs) {
  const sluice::test::Scratch scratch;
  const auto missing = load_config(scratch.path() / "none.yaml");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, errc::io);
  EXPECT_NE(missing.error().text.find("none.yaml"), std::string::npos);
  EXPECT_FALSE(load_config(scratch.path()));  // a folder
}

TEST(Config, SaysWhatForbidsReadingIt) {
  const sluice::test::Scratch scratch;
  const auto path = scratch.path() / "shut.yaml";
  std::ofstream(path) << kSample;
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  ASSERT_EQ(::chmod(scratch.path().c_str(), 0755), 0);
  const auto user = ::geteuid();
  if (user == 0) ASSERT_EQ(::seteuid(65534), 0);  // root reads everything, nobody does not
  const auto shut = load_config(path);
  ASSERT_EQ(::seteuid(user), 0);
  ASSERT_FALSE(shut);
  EXPECT_EQ(shut.error().code, errc::io);
  EXPECT_NE(shut.error().text.find("mode 0000"), std::string::npos) << shut.error().text;
  EXPECT_NE(shut.error().text.find("owner "), std::string::npos) << shut.error().text;
}

TEST(Config, WarnsOfAFileThatOthersMayWrite) {
  const sluice::test::Scratch scratch;
  const auto path = scratch.path() / "open.yaml";
  std::ofstream(path) << kSample;
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  const auto loaded = load_config(path);
  ASSERT_TRUE(loaded);
  ASSERT_FALSE(loaded->warnings.empty());
  EXPECT_NE(loaded->warnings[0].text.find("chmod go-w"), std::string::npos);
}

TEST(Config, RefusesAFileBeyondItsBound) {
  const sluice::test::Scratch scratch;
  const auto path = scratch.path() / "large.yaml";
  std::ofstream(path) << kSample << std::string(1100 * 1024, '#');
  EXPECT_FALSE(load_config(path));
}

TEST(ConfigReference, IsTheFileInDocs) {
  EXPECT_EQ(slurp(kRoot / "docs/config.md"), config_reference_markdown())
      << "docs/config.md is out of date: config_reference > docs/config.md";
}

}  // namespace
}  // namespace sluice::config
