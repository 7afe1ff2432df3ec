// The parts of an http(s) URL, and the percent encoding that AWS's signatures demand (RFC 3986, unreserved
// characters stay). Used by the signature, the HTTPS client and everything that builds a path.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::aws {

struct Url {
  std::string_view scheme;     // "https"
  std::string_view authority;  // host[:port], as a Host header says it
  std::string_view host;       // without port; IPv6 with its brackets
  std::string_view path;       // from the first slash; may be empty
  std::string_view query;      // without the question mark
};
// Views into `text`, which must outlive them. Nothing: not such a URL (no scheme, no host, user names,
// control characters, a fragment).
std::optional<Url> split_url(std::string_view text);

// Is it 127.x.x.x, [::1] or localhost: can only this machine answer?
bool is_loopback(std::string_view host);

std::string percent_encode(std::string_view text, bool keep_slash = false);
std::string percent_decode(std::string_view text);  // what is no valid escape stays

}  // namespace sluice::aws
