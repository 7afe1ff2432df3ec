// Keys that expire: what STS and AWS IoT's credentials provider hand out.
#pragma once

#include <chrono>

#include "aws/sigv4.hpp"

namespace sluice::aws {

struct TemporaryCredentials {
  Credentials credentials;
  std::chrono::sys_seconds expiration;
};

}  // namespace sluice::aws
