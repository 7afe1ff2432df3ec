// `maps` of the configuration, each a RegisterMap: groups, their registers, and what is read how often.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "plugins/modbus/settings.hpp"

namespace sluice::modbus {
namespace {

using adapter::Json;

constexpr std::size_t kMostPoints = 10'000;

Error wrong_point(const std::string& where, const std::string& text) {
  return {errc::invalid_argument, where + ": " + text};
}

Order order_of(const std::string& word) {
  return {.swap_bytes = word == "badc" || word == "dcba", .swap_words = word == "cdab" || word == "dcba"};
}

Table table_of(const std::string& word) {
  return word == "input"      ? Table::input
         : word == "coil"     ? Table::coil
         : word == "discrete" ? Table::discrete
                              : Table::holding;
}

struct TypeWord {
  const char* word;
  Type type;
  unsigned registers;
};
constexpr TypeWord kTypes[] = {
    {"int16", Type::int16, 1},     {"uint16", Type::uint16, 1},   {"int32", Type::int32, 2},
    {"uint32", Type::uint32, 2},   {"int64", Type::int64, 4},     {"uint64", Type::uint64, 4},
    {"float32", Type::float32, 2}, {"float64", Type::float64, 4}, {"bool", Type::boolean, 1},
    {"bits", Type::bits, 1},       {"string", Type::text, 1}};

bool fit_for_topic(const std::string& name) {
  return !name.empty() && name.find_first_of("/+#") == std::string::npos && !name.starts_with('$');
}

result<void> read_type(const Json& given, Point& point) {
  const bool bits = has_bits(point.table);
  const auto word = given.value("type", std::string(bits ? "bool" : "uint16"));
  for (const auto& row : kTypes) {
    if (word != row.word) continue;
    point.type = row.type;
    point.size = row.registers;
  }
  const bool numeric = point.type != Type::boolean && point.type != Type::bits && point.type != Type::text;
  if (bits && point.type != Type::boolean && point.type != Type::bits)
    return wrong_point(point.name, "coils and discrete inputs are bool or bits");
  for (const auto* key : {"min", "max", "absent"}) {
    if (given.contains(key) && !numeric) return wrong_point(point.name, std::string(key) + " is for numbers");
  }
  if (!numeric && point.scaled()) return wrong_point(point.name, "factor and offset are for numbers");
  if (point.factor == 0) return wrong_point(point.name, "factor is 0");
  if (given.contains("absent") && (point.type == Type::float32 || point.type == Type::float64))
    return wrong_point(point.name, "absent is for integers; a float that is not a number is none anyway");
  if (given.contains("length") != (point.type == Type::text))
    return wrong_point(point.name, "length, in registers, goes with type string");
  if (point.type == Type::text) point.size = given.at("length").get<unsigned>();
  if (point.bit != 0 && (bits || point.type != Type::boolean))
    return wrong_point(point.name, "bit is for bool in a register");
  if (point.type != Type::bits) {
    if (given.contains("count") || given.contains("flags"))
      return wrong_point(point.name, "count and flags are for bits");
    return {};
  }
  point.flags = given.value("flags", std::vector<std::string>{});
  point.width = given.value("count", point.flags.empty() ? 16U : static_cast<unsigned>(point.flags.size()));
  if (point.flags.size() > point.width) return wrong_point(point.name, "more flags than bits");
  if (!point.flags.empty()) point.flags.resize(point.width);
  point.size = bits ? point.width : (point.width + 15) / 16;
  return {};
}

result<Point> read_point(const Json& given, const std::string& order) {
  Point point;
  point.name = given.at("name").get<std::string>();
  point.units = given.value("units", std::string());
  point.table = table_of(given.value("table", std::string("holding")));
  point.address = given.at("address").get<std::uint16_t>();
  point.order = order_of(given.value("order", order));
  point.bit = given.value("bit", 0U);
  point.factor = given.value("factor", 1.0);
  point.offset = given.value("offset", 0.0);
  if (given.contains("min")) point.least = given.at("min").get<double>();
  if (given.contains("max")) point.most = given.at("max").get<double>();
  if (given.contains("absent")) point.absent = given.at("absent").get<std::int64_t>();
  point.writable = given.value("writable", false);
  point.verify = given.value("verify", true);
  if (point.name.empty()) return wrong_point("registers", "a name is empty");
  if (auto read = read_type(given, point); !read) return read.error();
  if (point.writable && !takes_writes(point.table))
    return wrong_point(point.name, "only holding registers and coils can be writable");
  if (point.writable && point.size > kMostWrittenRegisters)
    return wrong_point(point.name,
                       fmt::format("at most {} registers can be written at once", kMostWrittenRegisters));
  if (point.end() > 65'536) return wrong_point(point.name, "ends beyond address 65535");
  if (point.least && point.most && *point.least > *point.most)
    return wrong_point(point.name, "min is above max");
  return point;
}

// Equal intervals are one cycle, over all groups: what is read together then saves transactions.
void add_to_cycle(RegisterMap& map, Duration every, std::size_t group, std::size_t point) {
  auto cycle = std::find_if(map.cycles.begin(), map.cycles.end(),
                            [every](const CycleSettings& each) { return each.every == every; });
  if (cycle == map.cycles.end()) cycle = map.cycles.insert(map.cycles.end(), CycleSettings{every, {}});
  if (cycle->parts.empty() || cycle->parts.back().group != group) cycle->parts.push_back({group, {}});
  cycle->parts.back().points.push_back(point);
}

}  // namespace

result<RegisterMap> read_map(const Json& given, const std::string& order) {
  RegisterMap map;
  std::set<std::string> names, groups;
  const auto own_order = given.value("order", order);
  for (const auto& each : given.at("groups")) {
    Group group;
    group.name = each.at("name").get<std::string>();
    group.on_change = each.value("on_change", false);
    if (!fit_for_topic(group.name))
      return wrong_point(group.name, "a group's name is a level of a topic: no / + #");
    if (!groups.insert(group.name).second) return wrong_point(group.name, "this group is there twice");
    const auto every = each.value("every", std::int64_t{1000});
    for (const auto& row : each.at("registers")) {
      auto point = read_point(row, own_order);
      if (!point) return wrong_point(group.name, point.error().text);
      if (!names.insert(point->name).second) return wrong_point(group.name, point->name + " is there twice");
      const auto number = map.points.size();
      if (number >= kMostPoints)
        return wrong_point(group.name, fmt::format("more than {} registers", kMostPoints));
      map.points.push_back(std::move(*point));
      group.points.push_back(number);
      add_to_cycle(map, std::chrono::milliseconds(row.value("every", every)), map.groups.size(), number);
    }
    map.groups.push_back(std::move(group));
  }
  return map;
}

}  // namespace sluice::modbus
