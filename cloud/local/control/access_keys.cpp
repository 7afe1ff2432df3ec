#include "cloud/local/control/access_keys.hpp"

#include <openssl/rand.h>

#include <array>
#include <sstream>

#include "cloud/local/files.hpp"
#include "cloud/local/json_text.hpp"

namespace sluice::cloud {
namespace {

constexpr const char* kFile = "admin-credentials";

// AKIA... for keys that last, ASIA... for temporary ones: 16 of 32 characters follow.
std::string new_key_id(std::string_view prefix) {
  std::array<unsigned char, 16> bytes{};
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  std::string id(prefix);
  for (const unsigned char byte : bytes) id += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte & 31U];
  return id;
}

std::string random_base64(std::size_t size) {
  std::string bytes(size, '\0');
  RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size));
  return base64(bytes);
}

}  // namespace

result<void> make_admin_credentials(const std::filesystem::path& directory) {
  const std::string text =
      "# Keys of the local cloud's control plane, for "
      "AWS_SHARED_CREDENTIALS_FILE.\n[default]\naws_access_key_id = " +
      new_key_id("AKIA") + "\naws_secret_access_key = " + random_base64(30) + "\n";
  return write_new_file(directory / kFile, text, 0600);
}

result<AccessKeys> AccessKeys::open(const std::filesystem::path& directory) {
  const auto text = read_file(directory / kFile);
  if (!text) return Error{text.error().code, text.error().text + "; sluice-local-cloud --init makes it"};
  AccessKeys keys;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, equals, value;
    words >> name >> equals >> value;
    if (equals != "=") continue;
    if (name == "aws_access_key_id") keys.admin_.access_key_id = value;
    if (name == "aws_secret_access_key") keys.admin_.secret_access_key = value;
  }
  if (keys.admin_.access_key_id.empty() || keys.admin_.secret_access_key.empty()) {
    return Error{
        errc::invalid_argument,
        (directory / kFile).string() + " has no aws_access_key_id = ... and aws_secret_access_key = ..."};
  }
  return keys;
}

std::optional<aws::Credentials> AccessKeys::find(std::string_view access_key_id,
                                                 std::chrono::sys_seconds now) const {
  if (access_key_id == admin_.access_key_id) return admin_;
  const auto it = lent_.find(access_key_id);
  if (it == lent_.end() || it->second.until <= now) return std::nullopt;
  return it->second.credentials;
}

std::optional<aws::Credentials> AccessKeys::lend(std::chrono::sys_seconds now,
                                                 std::chrono::seconds duration) {
  if (lent_.size() >= kMostLent)
    std::erase_if(lent_, [now](const auto& lent) { return lent.second.until <= now; });
  if (lent_.size() >= kMostLent) return std::nullopt;
  aws::Credentials made{new_key_id("ASIA"), random_base64(30), random_base64(270)};
  lent_[made.access_key_id] = {made, now + duration};
  return made;
}

}  // namespace sluice::cloud
