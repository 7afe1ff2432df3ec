// JSON written by hand where a document tree would cost too much: the publish log writes one line per
// message.
#pragma once

#include <string>
#include <string_view>

namespace sluice::cloud {

// "text", escaped. Must be UTF-8.
void append_json_string(std::string_view text, std::string& out);
// The bytes as a JSON string: themselves if they are UTF-8, else "base64:...".
void append_payload_value(std::string_view bytes, std::string& out);
std::string base64(std::string_view bytes);
// False: not base64. Padding is required, white space is not taken.
bool from_base64(std::string_view text, std::string& bytes);

}  // namespace sluice::cloud
