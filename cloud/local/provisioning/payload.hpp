// Payloads of fleet provisioning, JSON or CBOR, from clients that are hardly known: an object with few
// levels, or nothing. Used by fleet.cpp.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::cloud {

// An empty payload is an empty object.
std::optional<nlohmann::json> read_payload(std::string_view payload, bool cbor);
std::string write_payload(const nlohmann::json& value, bool cbor);

}  // namespace sluice::cloud
