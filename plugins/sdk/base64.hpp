// Base64 (RFC 4648, with padding): correlation data of messages, SMP's serial console framing.
#pragma once

#include <string>
#include <string_view>

namespace sluice::adapter {

std::string base64(std::string_view bytes);

// Appends what the text says. False, with nothing appended, unless it is base64 to the letter: a multiple of
// four characters, padding only at the end, no stray bits.
bool base64_append(std::string_view text, std::string& out);

}  // namespace sluice::adapter
