// The contract between a gateway and Sluice's Certificate Vending Machine. Both sides use this one
// description: the function (cloud/lambda/cvm), the local cloud, and the daemon's identity room.
//
//   POST /certificates {"productid","accessToken","csr","region"?}: a certificate; the same CSR sent again
//   gets the same one.
//     200 {"certificatePem","certificateId","certificateArn","thingName","product","region",
//          "dataEndpoint","credentialsEndpoint","roleAlias","rootCa"}
//   POST /certificates/retire {"productid","accessToken","keep"?}: takes the device's certificates out of
//   use, but the one whose id is `keep`. Without it the device has none any more. May be repeated.
//     200 {"retired":[certificate ids]}
//   otherwise {"error":{"code","message","retryAfterSeconds"?}}, and the header Retry-After on 429 and 503
//   400 BadRequest · 401 Unauthorized (unknown productid or wrong token: one answer for both) · 409
//   AlreadyRegistered, NotRegistered (`keep` is not the registered one), InProgress (with Retry-After) · 429
//   TooManyRequests · 503 Unavailable
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/error.hpp"

namespace sluice::aws::cvm {

inline constexpr std::size_t kMaxProductId = 128;     // [a-zA-Z0-9:_-], it is the thing name
inline constexpr std::size_t kMaxAccessToken = 1024;  // bytes
inline constexpr std::size_t kMaxCsr = 4096;          // AWS's own limit
inline constexpr std::size_t kMaxBody = 16 * 1024;

struct Request {
  std::string productid, access_token, csr;
  std::string region;  // wanted; empty: where the service runs
};

struct RetireRequest {
  std::string productid, access_token;
  std::string keep;  // certificate id, 64 hex digits; empty: none
};

struct Vended {
  std::string certificate_pem, certificate_id, certificate_arn, thing_name;
  std::string product;  // the table's model name; may be empty
  std::string region, data_endpoint, credentials_endpoint, role_alias, root_ca;
};

struct Refusal {
  unsigned status = 503;
  std::string code, message;
  std::optional<unsigned> retry_after_s;
};

std::string to_json(const Request& request);
std::string to_json(const RetireRequest& request);
std::string to_json(const Vended& vended);
std::string to_json(const Refusal& refusal);
std::string retired_json(const std::vector<std::string>& certificate_ids);
// What API Gateway's authorizer looks at before the function is asked, and the function does not: it knows
// the token from the body. Empty if the token has characters that a header cannot carry.
std::vector<std::pair<std::string, std::string>> authorizer_headers(const std::string& productid,
                                                                    const std::string& access_token);
// Bounded and strict: what is wrong, in words (kind invalid).
result<Request> parse_request(std::string_view body);
result<RetireRequest> parse_retire_request(std::string_view body);
// Of a client: the answer, or what it says as an Error (kinds by status; 401 denied, 409 conflict, InProgress
// unavailable). A 403 of the API front without our error shape is `unavailable`, not `denied`: a missing API
// key or a wrong path says nothing of the token.
result<Vended> parse_response(unsigned status, std::string_view body, std::string_view retry_after_header);
result<std::vector<std::string>> parse_retire_response(unsigned status, std::string_view body,
                                                       std::string_view retry_after_header);

}  // namespace sluice::aws::cvm
