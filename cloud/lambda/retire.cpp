#include "cloud/lambda/retire.hpp"

#include <string>

namespace sluice::lambda {
namespace {

using Kind = aws::Error::Kind;

bool gone(const aws::Error& error) { return error.kind == Kind::not_found; }

}  // namespace

aws::result<void> retire_certificate(aws::IotControl& iot, std::string_view id, Retired what) {
  const auto certificate = iot.describe_certificate(id);
  if (!certificate) return gone(certificate.error()) ? aws::result<void>() : certificate.error();
  const auto& arn = certificate->arn;

  // First of all it must not let anybody in.
  if (certificate->status == "ACTIVE" || certificate->status == "PENDING_ACTIVATION") {
    if (const auto done = iot.update_certificate(id, "INACTIVE"); !done) {
      return gone(done.error()) ? aws::result<void>() : done.error();
    }
  }
  const auto policies = iot.attached_policies(arn);
  if (!policies) return policies.error();
  for (const auto& policy : *policies) {
    if (const auto done = iot.detach_policy(policy, arn); !done && !gone(done.error())) return done.error();
  }
  const auto things = iot.principal_things(arn);
  if (!things) return things.error();
  for (const auto& thing : *things) {
    if (const auto done = iot.detach_thing_principal(thing, arn); !done && !gone(done.error()))
      return done.error();
  }
  if (what == Retired::keep) return {};
  if (const auto done = iot.delete_certificate(id); !done && !gone(done.error())) return done.error();
  return {};
}

aws::result<void> retire_all(aws::IotControl& iot, const std::vector<std::string>& ids, Retired what) {
  for (const auto& id : ids) {
    if (const auto done = retire_certificate(iot, id, what); !done) return done.error();
  }
  return {};
}

}  // namespace sluice::lambda
