#include "aws/sigv4_canonical.hpp"

#include <algorithm>
#include <map>

#include "aws/digest.hpp"
#include "aws/time_text.hpp"
#include "aws/url.hpp"

namespace sluice::aws {
namespace {

// Without blanks at its ends, and one blank for each run of white space inside.
std::string collapsed(std::string_view value) {
  std::string out;
  bool blank = false;
  for (const char c : value) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      blank = !out.empty();
      continue;
    }
    if (blank) out += ' ';
    blank = false;
    out += c;
  }
  return out;
}

// What proxies and HTTP libraries change on the way, and what is the signature itself.
bool is_left_out(std::string_view name) {
  return name == "authorization" || name == "user-agent" || name == "connection" || name == "expect" ||
         name == "x-amzn-trace-id" || name == "transfer-encoding" || name == "keep-alive" || name == "te" ||
         name == "upgrade" || name == "proxy-authorization";
}

std::string normalized(std::string_view path) {
  std::vector<std::string_view> kept;
  std::size_t at = 0;
  while (at <= path.size()) {
    const auto slash = std::min(path.find('/', at), path.size());
    const auto segment = path.substr(at, slash - at);
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (!segment.empty() && segment != ".") {
      kept.push_back(segment);
    }
    at = slash + 1;
  }
  std::string out;
  for (const auto segment : kept) out.append("/").append(segment);
  const bool ends_open = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  if (out.empty() || ends_open) out += '/';
  return out;
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  return out;
}

std::string canonical_path(std::string_view path, bool normalize, bool encode) {
  if (path.empty()) return "/";
  const std::string walked = normalize ? normalized(path) : std::string(path);
  return encode ? percent_encode(walked, true) : walked;
}

QueryPairs query_pairs(std::string_view query) {
  QueryPairs pairs;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (part.empty()) continue;
    const auto equals = part.find('=');
    pairs.emplace_back(percent_decode(part.substr(0, equals)), equals == std::string_view::npos
                                                                   ? std::string{}
                                                                   : percent_decode(part.substr(equals + 1)));
  }
  return pairs;
}

std::string canonical_query(const QueryPairs& pairs) {
  QueryPairs encoded;
  for (const auto& [key, value] : pairs) encoded.emplace_back(percent_encode(key), percent_encode(value));
  std::ranges::sort(encoded);  // by name, then by value: not by the joined text, where '=' would take part
  std::string out;
  for (const auto& [key, value] : encoded) {
    if (!out.empty()) out += '&';
    out.append(key).append("=").append(value);
  }
  return out;
}

std::string CanonicalHeaders::names() const {
  std::string out;
  for (const auto& [header, value] : list) {
    if (!out.empty()) out += ';';
    out += header;
  }
  return out;
}

CanonicalHeaders canonical_headers(const Headers& headers, bool all) {
  std::map<std::string, std::string> joined;
  for (const auto& [name, value] : headers) {
    const auto key = lower(name);
    if (!all && is_left_out(key)) continue;
    const auto [found, fresh] = joined.try_emplace(key, collapsed(value));
    if (!fresh) found->second.append(",").append(collapsed(value));
  }
  return {{joined.begin(), joined.end()}};
}

std::string canonical_form(std::string_view method, std::string_view path, std::string_view query,
                           const CanonicalHeaders& headers, std::string_view payload_hash) {
  std::string out;
  out.append(method).append("\n").append(path).append("\n").append(query).append("\n");
  for (const auto& [name, value] : headers.list) out.append(name).append(":").append(value).append("\n");
  out.append("\n").append(headers.names()).append("\n").append(payload_hash);
  return out;
}

std::string credential_scope(const SigningScope& scope) {
  return amz_time(scope.time).substr(0, 8) + "/" + scope.region + "/" + scope.service + "/aws4_request";
}

std::string string_to_sign(std::string_view canonical, const SigningScope& scope) {
  return std::string(kAlgorithm) + "\n" + amz_time(scope.time) + "\n" + credential_scope(scope) + "\n" +
         sha256_hex(canonical);
}

std::string signature(std::string_view secret_access_key, const SigningScope& scope,
                      std::string_view to_sign) {
  auto key = hmac_sha256("AWS4" + std::string(secret_access_key), amz_time(scope.time).substr(0, 8));
  key = hmac_sha256(key, scope.region);
  key = hmac_sha256(key, scope.service);
  key = hmac_sha256(key, "aws4_request");
  return to_hex(hmac_sha256(key, to_sign));
}

}  // namespace sluice::aws
