#include "plugins/sdk/secret_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace sluice::adapter {

result<std::string> read_secret(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error{errc::io, path + " cannot be read"};
  std::array<char, 4098> bytes{};
  struct stat info{};
  const auto got = ::read(fd, bytes.data(), bytes.size());
  const bool open_to_all = ::fstat(fd, &info) != 0 || (info.st_mode & 0007) != 0;
  ::close(fd);
  if (open_to_all) return Error{errc::denied, path + ": everybody may read it: chmod 0600"};
  std::string secret(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  if (secret.empty() || secret.size() > 4096)
    return Error{errc::invalid_argument, path + ": a secret has 1 to 4096 bytes"};
  return secret;
}

}  // namespace sluice::adapter
