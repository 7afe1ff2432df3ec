#include <algorithm>

#include "aws/digest.hpp"
#include "aws/sigv4.hpp"
#include "aws/sigv4_canonical.hpp"
#include "aws/time_text.hpp"
#include "aws/url.hpp"

namespace sluice::aws {
namespace {

struct Presigned {
  Url url;
  QueryPairs added;  // without the signature
  std::string canonical;
};

Presigned prepared(const HttpRequest& request, const Credentials& credentials, const SigningScope& scope,
                   std::optional<std::chrono::seconds> expires) {
  Presigned out;
  out.url = split_url(request.url).value_or(Url{});
  Headers headers = request.headers;
  const bool has_host = std::ranges::any_of(headers, [](const auto& h) { return lower(h.first) == "host"; });
  if (!has_host) headers.emplace_back("host", out.url.authority);
  const auto canonical = canonical_headers(headers);
  out.added = {{"X-Amz-Algorithm", std::string(kAlgorithm)},
               {"X-Amz-Credential", credentials.access_key_id + "/" + credential_scope(scope)},
               {"X-Amz-Date", amz_time(scope.time)},
               {"X-Amz-SignedHeaders", canonical.names()}};
  if (expires) out.added.emplace_back("X-Amz-Expires", std::to_string(expires->count()));
  if (!credentials.session_token.empty() && !scope.omit_session_token) {
    out.added.emplace_back("X-Amz-Security-Token", credentials.session_token);
  }
  auto pairs = query_pairs(out.url.query);
  pairs.insert(pairs.end(), out.added.begin(), out.added.end());
  out.canonical = canonical_form(request.method,
                                 canonical_path(out.url.path, scope.normalize_path, scope.double_encode_path),
                                 canonical_query(pairs), canonical, sha256_hex(request.body));
  return out;
}

void append(std::string& url, std::string_view key, std::string_view value) {
  const char last = url.back();
  if (last != '?' && last != '&') url += '&';
  url.append(key).append("=").append(percent_encode(value));
}

}  // namespace

std::string canonical_presigned(const HttpRequest& request, const Credentials& credentials,
                                const SigningScope& scope, std::optional<std::chrono::seconds> expires) {
  return prepared(request, credentials, scope, expires).canonical;
}

std::string presign(const HttpRequest& request, const Credentials& credentials, const SigningScope& scope,
                    std::optional<std::chrono::seconds> expires) {
  const auto parts = prepared(request, credentials, scope, expires);
  std::string url = std::string(parts.url.scheme) + "://" + std::string(parts.url.authority) +
                    std::string(parts.url.path.empty() ? "/" : parts.url.path) + "?" +
                    std::string(parts.url.query);
  for (const auto& [key, value] : parts.added) append(url, key, value);
  append(url, "X-Amz-Signature",
         signature(credentials.secret_access_key, scope, string_to_sign(parts.canonical, scope)));
  if (!credentials.session_token.empty() && scope.omit_session_token) {
    append(url, "X-Amz-Security-Token", credentials.session_token);
  }
  return url;
}

std::string presign_iot_websocket(std::string_view endpoint, std::string_view region,
                                  const Credentials& credentials, std::chrono::sys_seconds now,
                                  std::optional<std::chrono::seconds> expires) {
  HttpRequest request;
  request.url = "wss://" + std::string(endpoint) + "/mqtt";
  SigningScope scope;
  scope.region = region;
  scope.service = "iotdevicegateway";
  scope.time = now;
  scope.omit_session_token = true;
  return presign(request, credentials, scope, expires);
}

}  // namespace sluice::aws
