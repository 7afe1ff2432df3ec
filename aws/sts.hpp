// AWS STS: temporary credentials of a role, narrowed by a session policy; and who we are. Calls block.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "aws/error.hpp"
#include "aws/service.hpp"
#include "aws/temporary_credentials.hpp"

namespace sluice::aws {

struct AssumeRole {
  std::string role_arn;
  std::string session_name;  // [\w+=,.@-]{2,64}
  std::string policy;        // at most 2048 characters; empty: all that the role may
  std::chrono::seconds duration =
      std::chrono::hours(1);  // 15 min to the role's maximum; 1 h when a role asks
  std::map<std::string, std::string> tags;
};
struct AssumedRole {
  TemporaryCredentials session;
  std::string arn;
};
struct CallerIdentity {
  std::string account, arn, user_id;
};

class Sts {
 public:
  virtual ~Sts() = default;
  virtual result<AssumedRole> assume_role(const AssumeRole& request) = 0;
  virtual result<CallerIdentity> get_caller_identity() = 0;
};

std::unique_ptr<Sts> make_sts(ServiceOptions options, const Caller& caller);

}  // namespace sluice::aws
