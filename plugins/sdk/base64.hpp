// Base64 (RFC 4648) back to bytes, for the correlation data of messages. Used by Session.
#pragma once

#include <string>
#include <string_view>

namespace sluice::adapter {

// What is not base64 ends it.
std::string from_base64(std::string_view text);

}  // namespace sluice::adapter
