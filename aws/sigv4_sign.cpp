#include "aws/digest.hpp"
#include "aws/sigv4.hpp"
#include "aws/sigv4_canonical.hpp"
#include "aws/time_text.hpp"
#include "aws/url.hpp"

namespace sluice::aws {
namespace {

bool has(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (lower(key) == name) return true;
  }
  return false;
}

// The headers that are signed: the request's, and those that signing itself adds.
Headers headers_to_sign(const HttpRequest& request, const Credentials& credentials,
                        const SigningScope& scope) {
  Headers headers = request.headers;
  std::erase_if(headers, [](const auto& header) {
    const auto name = lower(header.first);
    return name == "x-amz-date" || name == "x-amz-security-token" || name == "authorization";
  });
  const auto url = split_url(request.url);
  if (url && !has(headers, "host")) headers.emplace_back("host", url->authority);
  headers.emplace_back("x-amz-date", amz_time(scope.time));
  if (!credentials.session_token.empty() && !scope.omit_session_token) {
    headers.emplace_back("x-amz-security-token", credentials.session_token);
  }
  if (scope.sign_body_header && !has(headers, "x-amz-content-sha256")) {
    headers.emplace_back("x-amz-content-sha256", sha256_hex(request.body));
  }
  return headers;
}

std::string canonical_of(const HttpRequest& request, const Headers& headers, const SigningScope& scope) {
  const auto url = split_url(request.url).value_or(Url{});
  return canonical_form(
      request.method, canonical_path(url.path, scope.normalize_path, scope.double_encode_path),
      canonical_query(query_pairs(url.query)), canonical_headers(headers), sha256_hex(request.body));
}

}  // namespace

std::string canonical_request(const HttpRequest& request, const Credentials& credentials,
                              const SigningScope& scope) {
  return canonical_of(request, headers_to_sign(request, credentials, scope), scope);
}

void sign(HttpRequest& request, const Credentials& credentials, const SigningScope& scope) {
  auto headers = headers_to_sign(request, credentials, scope);
  const auto canonical = canonical_of(request, headers, scope);
  const auto signed_names = canonical_headers(headers).names();
  if (!credentials.session_token.empty() && scope.omit_session_token) {
    headers.emplace_back("x-amz-security-token", credentials.session_token);
  }
  headers.emplace_back("authorization",
                       std::string(kAlgorithm) + " Credential=" + credentials.access_key_id + "/" +
                           credential_scope(scope) + ", SignedHeaders=" + signed_names + ", Signature=" +
                           signature(credentials.secret_access_key, scope, string_to_sign(canonical, scope)));
  request.headers = std::move(headers);
}

}  // namespace sluice::aws
