// Reading the daemon's JSON without trusting it: a field that is missing or of another type gives the
// default. Used by what prints for a person.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "words.hpp"

namespace sluice::ctl {

inline const nlohmann::json& field_of(const nlohmann::json& object, const char* key) {
  static const nlohmann::json kNull;
  if (!object.is_object()) return kNull;
  const auto it = object.find(key);
  return it == object.end() ? kNull : *it;
}

inline std::string text_of(const nlohmann::json& object, const char* key, std::string otherwise = "") {
  const auto& field = field_of(object, key);
  if (field.is_string()) return field.get<std::string>();
  return field.is_number() ? field.dump() : otherwise;
}

inline double number_of(const nlohmann::json& object, const char* key) {
  const auto& field = field_of(object, key);
  return field.is_number() ? field.get<double>() : 0;
}

// "1,234", or the default.
inline std::string count_of(const nlohmann::json& object, const char* key, std::string otherwise = "") {
  const auto& field = field_of(object, key);
  if (!field.is_number() || field.get<double>() < 0) return otherwise;
  return in_words(static_cast<std::uint64_t>(field.get<double>()));
}

inline nlohmann::json object_of(const nlohmann::json& object, const char* key) {
  const auto& field = field_of(object, key);
  return field.is_object() ? field : nlohmann::json::object();
}

inline const nlohmann::json& array_of(const nlohmann::json& object, const char* key) {
  static const nlohmann::json kEmpty = nlohmann::json::array();
  const auto& field = field_of(object, key);
  return field.is_array() ? field : kEmpty;
}

}  // namespace sluice::ctl
