// Access tokens at rest: `$scrypt$ln=14,r=8,p=1$<salt>$<hash>` (base64 without padding). Used by the device
// room, by sluicectl and by the cloud functions; needs OpenSSL's libcrypto only. All functions are pure and
// may run on any thread; hashing and matching take about 50 ms and 16 MiB: never on the loop.
#pragma once

#include <string>
#include <string_view>

namespace sluice::device {

inline constexpr unsigned kTokenHashLn = 14;  // log2 of scrypt's N

// With a fresh random salt. Empty when OpenSSL cannot give random bytes or memory. ln: 10..16; less where
// many hashes are checked by small machines (the cloud functions).
std::string hash_token(std::string_view token, unsigned ln = kTokenHashLn);
// The form is right and its cost within our bounds (ln 10..16, r 8, p 1..4).
bool valid_token_hash(std::string_view hash);
// Compares in constant time. False for a malformed hash.
bool token_matches(std::string_view token, std::string_view hash);
// A well-formed hash that no token matches: checking against it costs what a real check costs.
std::string unmatchable_token_hash(unsigned ln = kTokenHashLn);

}  // namespace sluice::device
