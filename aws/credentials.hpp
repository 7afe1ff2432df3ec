// Where the keys of a caller come from. A function of Lambda has them in its environment; a test gives them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "aws/error.hpp"
#include "aws/sigv4.hpp"

namespace sluice::aws {

class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;
  // Asked before each request, by any thread: whoever has keys that expire hands out fresh ones here.
  virtual result<Credentials> credentials() = 0;
};

class GivenCredentials : public CredentialsProvider {
 public:
  explicit GivenCredentials(Credentials credentials) : credentials_(std::move(credentials)) {}
  result<Credentials> credentials() override { return credentials_; }

 private:
  const Credentials credentials_;
};

// getenv, or what a test puts in its place.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
Environment process_environment();

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. Kind invalid, with the name of what is
// missing.
result<Credentials> credentials_from(const Environment& environment);

}  // namespace sluice::aws
