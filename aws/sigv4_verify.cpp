#include <algorithm>
#include <vector>

#include "aws/digest.hpp"
#include "aws/sigv4.hpp"
#include "aws/sigv4_canonical.hpp"
#include "aws/time_text.hpp"
#include "aws/url.hpp"

namespace sluice::aws {
namespace {

Error denied(std::string code, std::string text) {
  return {Error::Kind::denied, 403, std::move(code), std::move(text), {}};
}

struct Authorization {
  std::string access_key_id, date, region, service, signature;
  std::vector<std::string> signed_headers;
};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// "AWS4-HMAC-SHA256 Credential=AK/date/region/service/aws4_request, SignedHeaders=a;b, Signature=hex"
std::optional<Authorization> parse(std::string_view header) {
  if (!header.starts_with(kAlgorithm)) return std::nullopt;
  header.remove_prefix(kAlgorithm.size());
  Authorization out;
  for (auto& item : split(header, ',')) {
    std::string_view field = item;
    field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
    if (field.starts_with("Credential=")) {
      const auto parts = split(field.substr(11), '/');
      if (parts.size() != 5 || parts[4] != "aws4_request") return std::nullopt;
      out.access_key_id = parts[0];
      out.date = parts[1];
      out.region = parts[2];
      out.service = parts[3];
    } else if (field.starts_with("SignedHeaders=")) {
      out.signed_headers = split(field.substr(14), ';');
    } else if (field.starts_with("Signature=")) {
      out.signature = field.substr(10);
    }
  }
  if (out.access_key_id.empty() || out.signed_headers.empty() || out.signature.empty()) return std::nullopt;
  return out;
}

std::string_view first(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (lower(key) == name) return value;
  }
  return {};
}

bool signs(const Authorization& authorization, std::string_view name) {
  return std::ranges::find(authorization.signed_headers, name) != authorization.signed_headers.end();
}

std::string expected_signature(const HttpRequest& request, const Authorization& authorization,
                               const Credentials& credentials, std::chrono::sys_seconds time) {
  Headers covered;
  for (const auto& header : request.headers) {
    if (signs(authorization, lower(header.first))) covered.push_back(header);
  }
  SigningScope scope;
  scope.region = authorization.region;
  scope.service = authorization.service;
  scope.time = time;
  const bool plain = authorization.service == "s3";
  const auto url = split_url(request.url).value_or(Url{});
  const auto form = canonical_form(request.method, canonical_path(url.path, !plain, !plain),
                                   canonical_query(query_pairs(url.query)), canonical_headers(covered, true),
                                   sha256_hex(request.body));
  return signature(credentials.secret_access_key, scope, string_to_sign(form, scope));
}

}  // namespace

result<SignedBy> verify(const HttpRequest& request,
                        const std::function<std::optional<Credentials>(std::string_view)>& secret_of,
                        std::chrono::sys_seconds now, std::chrono::seconds skew) {
  const auto header = first(request.headers, "authorization");
  if (header.empty()) {
    return denied("MissingAuthenticationTokenException", "the request carries no Authorization header");
  }
  const auto authorization = parse(header);
  if (!authorization) {
    return denied(
        "IncompleteSignatureException",
        "the Authorization header is not AWS4-HMAC-SHA256 with Credential, SignedHeaders and Signature");
  }
  const auto date = first(request.headers, "x-amz-date");
  const auto time = parse_amz_time(date);
  if (!time || date.substr(0, 8) != authorization->date) {
    return denied("IncompleteSignatureException",
                  "x-amz-date is missing, or not of the day that Credential names");
  }
  if (!signs(*authorization, "host") || !signs(*authorization, "x-amz-date")) {
    return denied("IncompleteSignatureException", "the signature must cover host and x-amz-date");
  }
  if (*time > now + skew || *time < now - skew) {
    return denied("SignatureDoesNotMatch", "the signature is of " + iso_time(*time) + ", here it is " +
                                               iso_time(now) + "; set the clock of the caller");
  }
  const auto credentials = secret_of(authorization->access_key_id);
  if (!credentials || first(request.headers, "x-amz-security-token") != credentials->session_token) {
    return denied("UnrecognizedClientException", "the security token included in the request is invalid");
  }
  if (!equal_in_constant_time(expected_signature(request, *authorization, *credentials, *time),
                              authorization->signature)) {
    return denied(
        "SignatureDoesNotMatch",
        "the signature is not the one of this request; check the secret access key and the signing method");
  }
  return SignedBy{authorization->access_key_id, authorization->region, authorization->service};
}

}  // namespace sluice::aws
