// Values of Options as they would be written in the file, by the schema's rows.
#pragma once

#include <optional>
#include <string>

#include "config/schema.hpp"

namespace sluice::config {

// The value of a row of `object`, unquoted; nothing for lists, maps and rows of a later version.
std::optional<std::string> rendered(const Row& row, void* object);

// A scalar that YAML reads back as this text.
std::string yaml_text(std::string_view text);

}  // namespace sluice::config
