// SHA-256 and HMAC-SHA-256 (OpenSSL), for signatures.
#pragma once

#include <string>
#include <string_view>

namespace sluice::aws {

std::string sha256_hex(std::string_view data);
std::string hmac_sha256(std::string_view key, std::string_view data);  // 32 raw bytes
std::string to_hex(std::string_view bytes);
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace sluice::aws
