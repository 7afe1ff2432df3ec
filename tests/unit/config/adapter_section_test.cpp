// An adapter's own keys: kept as the file has them, made typed by the schema that the adapter gives of
// itself.
#include "config/adapter_section.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/config/sample.hpp"

namespace sluice::config {
namespace {

using Json = nlohmann::json;
using test::plus;

constexpr std::string_view kDescription =
    R"({"contract": "v1", "kind": "serial", "version": "1.2", "network": true,
  "schema": {"type": "object", "required": ["port"], "properties": {
    "port": {"type": "string", "x-sluice": "device", "description": "The line."},
    "baud": {"type": "integer", "minimum": 50, "maximum": 4000000, "default": 115200},
    "factor": {"type": "number", "default": 1.5},
    "framing": {"type": "string", "enum": ["line", "slip"], "default": "line"},
    "every": {"type": "integer", "x-sluice": "duration", "minimum": 10, "default": 1000},
    "buffer": {"type": "integer", "x-sluice": "size"},
    "listen": {"type": "boolean"},
    "codec": {"type": "string", "x-sluice": "executable"},
    "units": {"type": "array", "maxItems": 2, "items": {"type": "object", "required": ["id"], "properties": {
        "id": {"type": "string", "minLength": 1}, "address": {"type": "integer", "minimum": 0, "maximum": 255}}}},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}}}}})";

std::string adapter(const std::string& own) {
  return "adapters:\n  - kind: serial\n    name: line-1\n" + own;
}

struct Planned {
  AdapterPlan plan;
  std::vector<Problem> problems;
  Json section;
};

Planned planned(const std::string& own, std::string_view description = kDescription) {
  const auto parsed = plus(adapter(own));
  EXPECT_TRUE(parsed.problems.empty()) << test::text_of(parsed);
  Planned out;
  out.plan = plan_adapter(parsed.options.adapters.at(0), 0, description, out.problems);
  out.section = Json::parse(out.plan.section, nullptr, false);
  return out;
}

void expect_problem(const Planned& found, int line, const std::string& key, const std::string& words) {
  ASSERT_EQ(found.problems.size(), 1U) << format_problems("", found.problems);
  EXPECT_EQ(found.problems[0].line, line);
  EXPECT_EQ(found.problems[0].key, key);
  EXPECT_NE(found.problems[0].text.find(words), std::string::npos) << found.problems[0].text;
  EXPECT_FALSE(found.plan.trouble.empty());
}

constexpr int kFirst = 16;  // the line of the first key of its own

TEST(AdapterSection, BecomesTypedValuesWithDefaults) {
  const auto made = planned(
      "    port: /dev/serial/by-id/x\n    baud: 9600\n    every: 2s\n    buffer: 4KiB\n    listen: true\n"
      "    units: [{ id: a, address: 0x1f }, { id: \"7\" }]\n    labels: { site: 12 }\n");
  EXPECT_TRUE(made.problems.empty()) << format_problems("", made.problems);
  EXPECT_EQ(made.section,
            Json::parse(R"({"port": "/dev/serial/by-id/x", "baud": 9600, "every": 2000, "buffer": 4096,
    "listen": true, "factor": 1.5, "framing": "line", "units": [{"id": "a", "address": 31}, {"id": "7"}],
    "labels": {"site": "12"}})"));
  EXPECT_EQ(made.plan.version, "1.2");
  EXPECT_TRUE(made.plan.network);
}

TEST(AdapterSection, NamesWhatTheSandboxMustLetThrough) {
  const auto made = planned("    port: /dev/ttyUSB0\n    codec: /opt/meter.so\n");
  EXPECT_EQ(made.plan.grants, (std::vector<AdapterGrant>{{AdapterGrant::Kind::executable, "/opt/meter.so"},
                                                         {AdapterGrant::Kind::device, "/dev/ttyUSB0"}}));
}

TEST(AdapterSection, RelativePathsAreMeantFromTheFolderOfTheFile) {
  const auto made = planned("    port: lines/x\n    codec: ../meter.so\n");
  const auto folder = std::filesystem::current_path();  // the sample has no folder
  EXPECT_EQ(made.section["port"], (folder / "lines/x").string());
  EXPECT_EQ(made.plan.grants,
            (std::vector<AdapterGrant>{
                {AdapterGrant::Kind::executable, (folder.parent_path() / "meter.so").string()},
                {AdapterGrant::Kind::device, (folder / "lines/x").string()}}));
}

TEST(AdapterSection, SaysWhatIsMissingAtTheAdaptersLine) {
  expect_problem(planned("    baud: 9600\n"), kFirst - 2, "adapters[0].port", "is missing; The line.");
}

TEST(AdapterSection, SaysWhatIsWrongAtItsLine) {
  expect_problem(planned("    port: /dev/x\n    baud: fast\n"), kFirst + 1, "adapters[0].baud",
                 "found 'fast'");
  expect_problem(planned("    port: /dev/x\n    baud: 10\n"), kFirst + 1, "adapters[0].baud", "at least 50");
  expect_problem(planned("    port: /dev/x\n    baud: 99999999999999999999\n"), kFirst + 1,
                 "adapters[0].baud", "whole number");
  expect_problem(planned("    port: /dev/x\n    framing: cobs\n"), kFirst + 1, "adapters[0].framing",
                 "one of line, slip");
  expect_problem(planned("    port: /dev/x\n    every: 5\n"), kFirst + 1, "adapters[0].every", "a duration");
  expect_problem(planned("    port: /dev/x\n    listen: maybe\n"), kFirst + 1, "adapters[0].listen", "true");
  expect_problem(planned("    port: [a]\n"), kFirst, "adapters[0].port", "found a list");
  expect_problem(planned("    port: /dev/x\n    units: [{ id: a }, { id: b }, { id: c }]\n"), kFirst + 1,
                 "adapters[0].units", "found 3 items");
  expect_problem(planned("    port: /dev/x\n    units:\n      - id: a\n      - address: 3\n"), kFirst + 3,
                 "adapters[0].units[1].id", "is missing");
}

TEST(AdapterSection, RefusesUnknownKeysAndSaysWhichIsMeant) {
  expect_problem(planned("    port: /dev/x\n    buad: 9600\n"), kFirst + 1, "adapters[0].buad",
                 "did you mean 'baud'?");
  expect_problem(planned("    port: /dev/x\n    units: [{ id: a, adress: 3 }]\n"), kFirst + 1,
                 "adapters[0].units[0].adress", "did you mean 'address'?");
}

TEST(AdapterSection, TakesNoDescriptionThatIsNotOne) {
  for (const auto* text :
       {"", "no JSON", "[]", R"({"contract": "v2", "kind": "serial", "schema": {"type": "object"}})",
        R"({"contract": "v1", "kind": "modbus", "schema": {"type": "object"}})",
        R"({"contract": "v1", "kind": "serial"})",
        R"({"contract": "v1", "kind": "serial", "schema": {"type": "object", "oneOf": []}})",
        R"({"contract": "v1", "kind": "serial", "schema": {"type": "string"}})",
        R"({"contract": "v1", "kind": "serial", "schema": {"type": "object", "properties": {"a": 1}}})"}) {
    const auto made = planned("    port: /dev/x\n", text);
    EXPECT_EQ(made.problems.size(), 1U) << text;
    EXPECT_FALSE(made.plan.trouble.empty()) << text;
  }
}

TEST(Adapters, AreAskedAgainWhenTheyDidNotSayInTimeWhatTheyAre) {
  const auto parsed = plus(
      "adapters:\n  - { kind: slow, name: a }\n  - { kind: none, name: b }\n  - { kind: serial, name: c }\n");
  std::vector<Problem> problems;
  const auto plans = plan_adapters(
      parsed.options,
      [](const std::string& kind) -> result<std::string> {
        if (kind == "slow") return Error{errc::timeout, "does not end within 5 s"};
        if (kind == "none") return Error{errc::not_found, "is not there"};
        return R"({"contract": "v1", "kind": "serial", "schema": {"type": "object"}})";
      },
      problems);
  ASSERT_EQ(plans.size(), 3U);
  EXPECT_EQ(problems.size(), 2U);
  EXPECT_TRUE(plans[0].again);
  EXPECT_FALSE(plans[1].again);
  EXPECT_FALSE(plans[1].trouble.empty());
  EXPECT_FALSE(plans[2].again);
}

TEST(AdapterSection, IsShownInTheEffectiveConfigAndReadsBackAsItself) {
  const auto parsed =
      plus(adapter("    port: /dev/x\n    units: [{ id: \"a: b\", address: 3 }]\n    note: null\n"));
  ASSERT_TRUE(parsed.problems.empty()) << test::text_of(parsed);
  const auto again = parse_config(effective_config_yaml(parsed.options), "again.yaml");
  ASSERT_TRUE(again.problems.empty()) << test::text_of(again) << effective_config_yaml(parsed.options);
  EXPECT_EQ(again.options.adapters.at(0).section, parsed.options.adapters.at(0).section);
  EXPECT_EQ(again.options.adapters.at(0).limits, parsed.options.adapters.at(0).limits);
}

TEST(Adapters, HaveNamesOfTheirOwnAndAProductThatIsThere) {
  test::expect_only(plus("adapters:\n  - { kind: a, name: x }\n  - { kind: b, name: x }\n"),
                    "adapters[1].name", "twice");
  test::expect_only(plus("adapters:\n  - { kind: a, name: x, product: thremo }\n"), "adapters[0].product",
                    "did you mean 'thermo'?");
  test::expect_only(plus("adapters:\n  - { name: x }\n"), "adapters[0].kind", "is missing");
  test::expect_only(plus("adapters:\n  - { kind: ../sh, name: x }\n"), "adapters[0].kind", "name");
}

}  // namespace
}  // namespace sluice::config
