// The table and Options hold together.
#include "config/schema.hpp"

#include <gtest/gtest.h>

#include <set>

#include "config/render.hpp"
#include "config/values.hpp"

namespace sluice::config {
namespace {

struct Object {
  std::string prefix;
  void* object;
};

class SchemaTable : public testing::Test {
 protected:
  // Every object that has rows, as it is made before the file is read.
  std::vector<Object> objects() {
    return {{"", &options_},
            {"listen[].", &listener_},
            {"devices.products{}.", &product_},
            {"devices.known{}.", &device_},
            {"adapters[].", &adapter_},
            {"devices.admit[].", &admit_},
            {"routes[].", &route_}};
  }
  Options options_;
  ListenerOptions listener_;
  ProductOptions product_;
  DeviceOptions device_;
  AdapterOptions adapter_;
  AdmitOptions admit_;
  RouteOptions route_;
};

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

TEST_F(SchemaTable, DefaultsAreThoseOfOptions) {
  std::size_t seen = 0;
  for (const auto& [prefix, object] : objects()) {
    for (const auto* row : rows_of(prefix)) {
      ++seen;
      if (row->type == Type::later) continue;
      const auto slot = row->slot(object);
      if (const auto* texts = std::get_if<std::vector<std::string>*>(&slot)) {
        EXPECT_EQ(joined(**texts), row->fallback) << row->path;
        continue;
      }
      const auto value = rendered(*row, object);
      if (value) EXPECT_EQ(*value, row->fallback == kRequired ? "" : row->fallback) << row->path;
    }
  }
  EXPECT_EQ(seen, schema().size()) << "a row that no object reads";
}

TEST_F(SchemaTable, BoundsFitTheirFields) {
  for (const auto& [prefix, object] : objects()) {
    for (const auto* row : rows_of(prefix)) {
      if (row->type != Type::integer) continue;
      const auto most = *parse_integer(row->allowed.substr(row->allowed.find("..") + 2));
      const auto fits = std::visit(
          [&](auto field) {
            if constexpr (std::is_pointer_v<decltype(field)>) {
              using T = std::remove_pointer_t<decltype(field)>;
              if constexpr (std::is_unsigned_v<T>) return most <= std::numeric_limits<T>::max();
            }
            return false;
          },
          row->slot(object));
      EXPECT_TRUE(fits) << row->path;
    }
  }
}

TEST_F(SchemaTable, BoundsCanBeReadAndHoldTheDefault) {
  for (const auto& row : schema()) {
    const auto check = [&](auto parse) {
      const auto dots = row.allowed.find("..");
      ASSERT_NE(dots, std::string_view::npos) << row.path;
      const auto least = parse(row.allowed.substr(0, dots)), most = parse(row.allowed.substr(dots + 2));
      ASSERT_TRUE(least && most) << row.path;
      EXPECT_LT(*least, *most) << row.path;
      const auto fallback = parse(row.fallback);
      ASSERT_TRUE(fallback) << row.path;
      EXPECT_TRUE(*least <= *fallback && *fallback <= *most) << row.path;
    };
    if (row.type == Type::integer) check(parse_integer);
    if (row.type == Type::number) check(parse_number);
    if (row.type == Type::duration) check(parse_duration);
    if (row.type == Type::size) check(parse_size);
  }
}

TEST_F(SchemaTable, HasEachKeyOnceAndDescribesIt) {
  std::set<std::string_view> paths;
  for (const auto& row : schema()) {
    EXPECT_TRUE(paths.insert(row.path).second) << row.path;
    EXPECT_FALSE(row.description.empty()) << row.path;
    EXPECT_EQ(row.description.find('\n'), std::string_view::npos) << row.path;
    EXPECT_EQ(row.slot == nullptr, row.type == Type::later) << row.path;
  }
}

}  // namespace
}  // namespace sluice::config
