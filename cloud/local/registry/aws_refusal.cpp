#include "cloud/local/registry/aws_refusal.hpp"

namespace sluice::cloud {

aws::Error aws_error(unsigned status, std::string code, std::string text) {
  using Kind = aws::Error::Kind;
  const bool throttled = code.starts_with("Throttling") || status == 429;
  const Kind kind = throttled                        ? Kind::throttled
                    : status >= 500                  ? Kind::unavailable
                    : status == 401 || status == 403 ? Kind::denied
                    : status == 404                  ? Kind::not_found
                    : status == 409                  ? Kind::conflict
                                                     : Kind::invalid;
  return {kind, status, std::move(code), std::move(text), {}};
}

aws::Error invalid_request(std::string text) {
  return aws_error(400, "InvalidRequestException", std::move(text));
}

aws::Error not_found(std::string text) {
  return aws_error(404, "ResourceNotFoundException", std::move(text));
}

aws::Error already_exists(std::string text) {
  return aws_error(409, "ResourceAlreadyExistsException", std::move(text));
}

aws::Error internal_failure(const Error& error) {
  return aws_error(500, "InternalFailureException", error.text);
}

aws::result<void> as_aws(const result<void>& done) {
  if (done) return {};
  return internal_failure(done.error());
}

}  // namespace sluice::cloud
