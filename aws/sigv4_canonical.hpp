// The canonical form of a request and the signature over it: what signing, presigning and checking share.
// Used by sigv4_*.cpp only.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/sigv4.hpp"

namespace sluice::aws {

inline constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

using QueryPairs = std::vector<std::pair<std::string, std::string>>;  // decoded

std::string lower(std::string_view text);
std::string canonical_path(std::string_view path, bool normalize, bool encode);
QueryPairs query_pairs(std::string_view query);
std::string canonical_query(const QueryPairs& pairs);

// Lower-case names, trimmed values, the values of one name joined; sorted by name.
struct CanonicalHeaders {
  std::vector<std::pair<std::string, std::string>> list;
  std::string names() const;  // "host;x-amz-date"
};
// Without those that proxies change on the way; `all`: with them, for who checks what another has signed.
CanonicalHeaders canonical_headers(const Headers& headers, bool all = false);

std::string canonical_form(std::string_view method, std::string_view path, std::string_view query,
                           const CanonicalHeaders& headers, std::string_view payload_hash);

std::string credential_scope(const SigningScope& scope);  // 20150830/us-east-1/service/aws4_request
std::string signature(std::string_view secret_access_key, const SigningScope& scope,
                      std::string_view to_sign);

}  // namespace sluice::aws
