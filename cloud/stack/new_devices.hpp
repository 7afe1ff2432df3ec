// Makes devices that do not exist yet: names in a row and random tokens, as a file to import and to burn into
// the devices. Used by sluice-cloud-import --generate.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "aws/error.hpp"

namespace sluice::stack {

struct NewDevices {
  std::size_t count = 0, first = 1;
  std::string prefix, product;
};

// CSV text; each token is 256 random bits, base64url. Error: what is asked for cannot be, or no random bytes.
aws::result<std::string> new_devices_csv(const NewDevices& wanted);

// For its owner's eyes only (0600), never over a file that is there, on disk when it returns. What went
// wrong, if anything did.
std::optional<std::string> write_secret_file(const std::filesystem::path& path, const std::string& text);

}  // namespace sluice::stack
