// Values out of an adapter's section, whose types and ranges the daemon has held against the schema. Used by
// the adapters' settings.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "plugins/sdk/adapter.hpp"

namespace sluice::adapter {

inline Error wrong(const std::string& key, const std::string& text) {
  return {errc::invalid_argument, key + ": " + text};
}
inline std::string text(const Json& json, const char* key, const char* otherwise = "") {
  return json.value(key, std::string(otherwise));
}
inline Duration milliseconds(const Json& json, const char* key, std::int64_t otherwise = 0) {
  return std::chrono::milliseconds(json.value(key, otherwise));
}

}  // namespace sluice::adapter
