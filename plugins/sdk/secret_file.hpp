// A secret from a file: a device's token, a broker's password. Used by the adapters' settings.
#pragma once

#include <string>

#include "core/error.hpp"

namespace sluice::adapter {

// The file's text without its last line end, 1 to 4096 bytes. Refused when everybody may read it.
result<std::string> read_secret(const std::string& path);

}  // namespace sluice::adapter
