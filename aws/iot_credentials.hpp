// AWS IoT's credentials provider: a certificate in exchange for temporary AWS credentials of a role alias,
// over mutual TLS (the Http carries the certificate). Used by the daemon for programs on the gateway. Blocks;
// does not retry.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "aws/error.hpp"
#include "aws/http.hpp"
#include "aws/temporary_credentials.hpp"

namespace sluice::aws {

struct CredentialsRequest {
  std::string endpoint;    // "P.credentials.iot.R.amazonaws.com", with :port for the local cloud
  std::string role_alias;  // [\w=,@-]{1,128}
  std::string thing;       // must be attached to the certificate; empty: none is named
  std::chrono::milliseconds timeout = std::chrono::seconds(20);
};

// A 403 is `denied`, with the usual causes in words.
result<TemporaryCredentials> fetch_credentials(Http& http, const CredentialsRequest& request);

}  // namespace sluice::aws
