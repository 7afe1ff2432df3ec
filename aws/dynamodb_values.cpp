#include "aws/dynamodb_values.hpp"

#include <charconv>

namespace sluice::aws {
namespace {

using nlohmann::json;

json to_typed_json(const AttributeValue& value) {
  switch (value.type) {
    case AttributeValue::Type::string:
      return {{"S", value.text}};
    case AttributeValue::Type::number:
      return {{"N", value.text}};
    case AttributeValue::Type::binary:
      return {{"B", value.text}};
    case AttributeValue::Type::boolean:
      return {{"BOOL", value.text == "true"}};
    case AttributeValue::Type::null:
      return {{"NULL", true}};
    case AttributeValue::Type::json:
      break;
  }
  auto parsed = json::parse(value.text, nullptr, false);
  return parsed.is_discarded() ? json{{"NULL", true}} : parsed;
}

std::optional<AttributeValue> value_from(const json& object) {
  if (!object.is_object() || object.size() != 1) return std::nullopt;
  const auto& type = object.begin().key();
  const auto& value = object.begin().value();
  using Type = AttributeValue::Type;
  if (type == "BOOL" && value.is_boolean())
    return AttributeValue{Type::boolean, value.get<bool>() ? "true" : "false"};
  if (type == "NULL") return AttributeValue{Type::null, {}};
  if (!value.is_string()) return AttributeValue{Type::json, dumped(object)};
  if (type == "S") return AttributeValue{Type::string, value.get<std::string>()};
  if (type == "N") return AttributeValue{Type::number, value.get<std::string>()};
  if (type == "B") return AttributeValue{Type::binary, value.get<std::string>()};
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> AttributeValue::as_number() const {
  std::int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number);
  if (type != Type::number || problem != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::string text_of(const Item& item, std::string_view key) {
  const auto found = item.find(key);
  return found != item.end() && found->second.type == AttributeValue::Type::string ? found->second.text : "";
}

std::optional<std::int64_t> number_of(const Item& item, std::string_view key) {
  const auto found = item.find(key);
  return found == item.end() ? std::nullopt : found->second.as_number();
}

json to_typed_json(const Item& item) {
  json object = json::object();
  for (const auto& [key, value] : item) object[key] = to_typed_json(value);
  return object;
}

std::optional<Item> item_from(const json& object) {
  if (!object.is_object()) return std::nullopt;
  Item item;
  for (const auto& [key, value] : object.items()) {
    auto read = value_from(value);
    if (!read) return std::nullopt;
    item.emplace(key, *std::move(read));
  }
  return item;
}

}  // namespace sluice::aws
