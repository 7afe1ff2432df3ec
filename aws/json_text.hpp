// JSON of others, read without trust: bounded in size and depth, no exception, a wrong type is "not there".
// Used by the contract and the clients of this room, the functions and the vendors of identities; in no
// header that another room sees.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::aws {

// An object; nothing for any other text, for more than `most` bytes, or more than 64 levels.
std::optional<nlohmann::json> parse_object(std::string_view text, std::size_t most);

// The string under `key`; nothing if it is missing or no string.
std::optional<std::string> string_in(const nlohmann::json& object, std::string_view key);

// The string under `key`, empty if there is none.
std::string text_in(const nlohmann::json& object, std::string_view key);

// Never throws: bytes that are no UTF-8 are replaced.
std::string dumped(const nlohmann::json& value);

}  // namespace sluice::aws
