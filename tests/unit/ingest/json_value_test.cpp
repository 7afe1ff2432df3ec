// The finder against nlohmann's own document and pointer, and where it stops.
#include "ingest/json_value.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace sluice::ingest {
namespace {

std::optional<double> number(std::string_view pointer, std::string_view payload) {
  const auto value = json_value_at(JsonPointer(pointer), payload);
  return value ? value->number : std::nullopt;
}

TEST(AJsonPointer, FindsMembersAndElements) {
  EXPECT_EQ(number("/a/b", R"({"x":{"b":1},"a":{"x":2,"b":3}})"), 3);
  EXPECT_EQ(number("/2", "[1,2,3]"), 3);
  EXPECT_EQ(number("/a/1/b", R"({"a":[{"b":1},{"c":[9],"b":2}]})"), 2);
  EXPECT_EQ(number("", "42"), 42);
  EXPECT_EQ(number("/", R"({"":5})"), 5);
  EXPECT_EQ(number("/a~1b/m~0n/~01", R"({"a/b":{"m~n":{"~1":8}}})"), 8);
  EXPECT_EQ(number("/0", R"({"0":6})"), 6);
  EXPECT_EQ(number("/n", R"({"n":-1.5e2})"), -150);
  EXPECT_EQ(number("/n", R"({"n":18446744073709551615})"), 18446744073709551615.0);
}

TEST(AJsonPointer, FindsNothingWhereThereIsNothing) {
  for (const auto& [pointer, payload] : {std::pair{"/a", "{}"},
                                         {"/a", "[1]"},
                                         {"/01", "[1,2]"},
                                         {"/-", "[1]"},
                                         {"/2", "[1,2]"},
                                         {"/a/b", R"({"a":1})"},
                                         {"/a/b", R"({"a":{"c":{"b":1}}})"},
                                         {"/b", R"({"a":{"b":1}})"},
                                         {"/a", "7"},
                                         {"/a", ""},
                                         {"/a", "{\"a\""}}) {
    EXPECT_FALSE(json_value_at(JsonPointer(pointer), payload)) << pointer << " " << payload;
  }
}

TEST(AJsonPointer, StopsBehindItsValue) { EXPECT_EQ(number("/a", R"({"a":1, and then it breaks)"), 1); }

TEST(AJsonPointer, LooksIntoNothingLargerThanItsBound) {
  EXPECT_EQ(number("/a", R"({"a":1)" + std::string(kMaxJson - 6, ' ')), 1);
  EXPECT_FALSE(number("/a", R"({"a":1)" + std::string(kMaxJson - 5, ' ')));
}

TEST(AJsonPointer, KeepsLargeNumbersApart) {
  const JsonPointer pointer("");
  EXPECT_NE(json_value_at(pointer, "9007199254740993")->hash,
            json_value_at(pointer, "9007199254740992")->hash);
  EXPECT_EQ(json_value_at(pointer, "21")->hash, json_value_at(pointer, "21.0")->hash);
  EXPECT_EQ(json_value_at(pointer, "-0.0")->hash, json_value_at(pointer, "0")->hash);
}

// A random document; short keys, so that pointers hit.
nlohmann::json random_json(std::mt19937& random, int depth) {
  const auto kind = random() % (depth > 0 ? 7U : 5U);
  switch (kind) {
    case 0:
      return nullptr;
    case 1:
      return random() % 2 == 0;
    case 2:
      return static_cast<std::int64_t>(random() % 2000) - 1000;
    case 3:
      return static_cast<double>(random() % 1000) / 8;
    case 4:
      return std::string(random() % 4, 's');
    default:
      break;
  }
  nlohmann::json out = kind == 5 ? nlohmann::json::array() : nlohmann::json::object();
  const auto count = random() % 4;
  for (unsigned i = 0; i < count; ++i) {
    if (kind == 5) {
      out.push_back(random_json(random, depth - 1));
    } else {
      out[std::string(1, static_cast<char>('a' + random() % 3))] = random_json(random, depth - 1);
    }
  }
  return out;
}

std::string random_pointer(std::mt19937& random) {
  std::string out;
  for (auto n = random() % 4; n > 0; --n)
    out += random() % 2 == 0 ? "/" + std::string(1, static_cast<char>('a' + random() % 3))
                             : "/" + std::to_string(random() % 3);
  return out;
}

TEST(AJsonPointer, AgreesWithADocumentThatIsBuilt) {
  std::mt19937 random(20261101);
  int hits = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto document = random_json(random, 4);
    const auto text = random_pointer(random);
    const nlohmann::json::json_pointer pointer(text);
    const auto found = json_value_at(JsonPointer(text), document.dump());
    // contains() throws where an object's key stands for an array's index.
    bool there = false;
    try {
      there = document.contains(pointer);
    } catch (const nlohmann::json::exception&) {
      there = false;
    }
    ASSERT_EQ(found.has_value(), there) << text << " in " << document.dump();
    if (!there) continue;
    ++hits;
    const auto& value = document.at(pointer);
    ASSERT_EQ(found->number.has_value(), value.is_number()) << text << " in " << document.dump();
    if (value.is_number()) ASSERT_EQ(*found->number, value.get<double>());
    ASSERT_EQ(found->hash, json_value_at(JsonPointer(""), value.dump())->hash)
        << text << " in " << document.dump();
  }
  EXPECT_GT(hits, 1000);
}

}  // namespace
}  // namespace sluice::ingest
