#include "aws/credentials.hpp"

#include <cstdlib>

namespace sluice::aws {

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

result<Credentials> credentials_from(const Environment& environment) {
  Credentials out;
  out.access_key_id = environment("AWS_ACCESS_KEY_ID").value_or("");
  out.secret_access_key = environment("AWS_SECRET_ACCESS_KEY").value_or("");
  out.session_token = environment("AWS_SESSION_TOKEN").value_or("");
  for (const auto& [value, name] : {std::pair(&out.access_key_id, "AWS_ACCESS_KEY_ID"),
                                    std::pair(&out.secret_access_key, "AWS_SECRET_ACCESS_KEY")}) {
    if (value->empty()) {
      return Error{Error::Kind::invalid,
                   0,
                   "MissingCredentials",
                   std::string("no AWS credentials: the environment variable ") + name + " is not set",
                   {}};
    }
  }
  return out;
}

}  // namespace sluice::aws
