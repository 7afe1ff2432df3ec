// Who may sign requests: the operator's keys (admin-credentials in the cloud's directory, in the form of
// AWS_SHARED_CREDENTIALS_FILE), and temporary ones that the credentials provider lends. Shared by all
// regions, as in AWS. One loop thread.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>

#include "aws/sigv4.hpp"
#include "core/error.hpp"

namespace sluice::cloud {

// Makes the file with new keys; 0600.
result<void> make_admin_credentials(const std::filesystem::path& directory);

class AccessKeys {
 public:
  static constexpr std::size_t kMostLent = 20'000;

  // Reads admin-credentials.
  static result<AccessKeys> open(const std::filesystem::path& directory);

  std::optional<aws::Credentials> find(std::string_view access_key_id, std::chrono::sys_seconds now) const;
  // Well-formed temporary credentials. Nothing when kMostLent are in use.
  std::optional<aws::Credentials> lend(std::chrono::sys_seconds now, std::chrono::seconds duration);

 private:
  struct Lent {
    aws::Credentials credentials;
    std::chrono::sys_seconds until;
  };
  aws::Credentials admin_;
  std::map<std::string, Lent, std::less<>> lent_;
};

}  // namespace sluice::cloud
