// AWS Signature Version 4: signed headers, signed queries (presigned URLs) and AWS IoT's WebSocket variant of
// them, and the check of a signature by a server (the local cloud). Pure but for OpenSSL's HMAC and SHA-256.
// Source: IAM User Guide, "Create a signed AWS API request"; AWS IoT Developer Guide, "Device communication
// protocols", MQTT over WSS. Held to AWS's published test suite in tests/unit/aws.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "aws/http.hpp"

namespace sluice::aws {

struct Credentials {
  std::string access_key_id, secret_access_key;
  std::string session_token;  // empty: long-lived keys
};

struct SigningScope {
  std::string region, service;
  std::chrono::sys_seconds time;
  bool double_encode_path = true;   // S3: false
  bool normalize_path = true;       // S3: false
  bool omit_session_token = false;  // of the canonical form; it is appended afterwards (AWS IoT WebSocket)
  bool sign_body_header = false;    // adds x-amz-content-sha256
};

// Adds host (if missing), x-amz-date, x-amz-security-token and authorization to the request's headers.
void sign(HttpRequest& request, const Credentials& credentials, const SigningScope& scope);

// The URL with the signature in its query (a session token too, unless omitted: then it follows the
// signature).
std::string presign(const HttpRequest& request, const Credentials& credentials, const SigningScope& scope,
                    std::optional<std::chrono::seconds> expires);

// wss://endpoint/mqtt?... for AWS IoT: service iotdevicegateway, session token appended after the signature.
std::string presign_iot_websocket(std::string_view endpoint, std::string_view region,
                                  const Credentials& credentials, std::chrono::sys_seconds now,
                                  std::optional<std::chrono::seconds> expires = {});

// For a server: does this request carry the signature of the key that `secret_of` finds for its access key
// id? Header signatures only; at most `skew` between x-amz-date and now. Error kinds: denied (with AWS's
// codes MissingAuthenticationTokenException, UnrecognizedClientException, SignatureDoesNotMatch, ...).
struct SignedBy {
  std::string access_key_id, region, service;
};
result<SignedBy> verify(
    const HttpRequest& request,
    const std::function<std::optional<Credentials>(std::string_view access_key_id)>& secret_of,
    std::chrono::sys_seconds now, std::chrono::seconds skew = std::chrono::minutes(5));

// Intermediate forms, for the test suite.
std::string canonical_request(const HttpRequest& request, const Credentials& credentials,
                              const SigningScope& scope);
std::string canonical_presigned(const HttpRequest& request, const Credentials& credentials,
                                const SigningScope& scope, std::optional<std::chrono::seconds> expires);
std::string string_to_sign(std::string_view canonical, const SigningScope& scope);

}  // namespace sluice::aws
