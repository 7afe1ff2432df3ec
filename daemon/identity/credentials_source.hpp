// With what temporary credentials are asked for, and who asks: what the cache needs of others. Used by
// credentials_*.
#pragma once

#include <functional>
#include <string>

#include "aws/error.hpp"
#include "aws/temporary_credentials.hpp"
#include "core/cloud_identity.hpp"
#include "core/error.hpp"

namespace sluice::identity {

// Whose certificate, and for which role.
struct CredentialsSource {
  CloudIdentity identity;
  std::string endpoint;    // of the credentials provider, host[:port]
  std::string role_alias;  // which role in AWS
  bool same_role(const CredentialsSource& other) const {
    return endpoint == other.endpoint && role_alias == other.role_alias &&
           identity.thing == other.identity.thing;
  }
};

// By identity (a device's id; empty: the gateway's own). Errors: not_found, denied. Asked before each answer,
// so that what is revoked gets nothing more. Loop thread.
using CredentialsSourceOf = std::function<result<CredentialsSource>(const std::string& identity)>;

// The way to AWS. `done` is called once, later, on the loop; never after the fetcher's end.
class CredentialsFetcher {
 public:
  using Done = std::function<void(aws::result<aws::TemporaryCredentials>)>;
  virtual ~CredentialsFetcher() = default;
  virtual void fetch(CredentialsSource source, Done done) = 0;
};

}  // namespace sluice::identity
