#include "device/file_trouble.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/file_owner.hpp"

namespace sluice::device {
namespace {

Error trouble(const std::filesystem::path& path, const std::string& what, int error) {
  const auto whose = owner_and_mode(path);
  auto text =
      fmt::format("cannot read {} {}: {}", what, path.string(), std::generic_category().message(error));
  if (!whose.empty()) text += " (" + whose + ")";
  if (error == EACCES) text += "; give the file to that user or widen its mode";
  return {error == ENOENT ? errc::not_found : error == EACCES ? errc::denied : errc::io, text};
}

}  // namespace

result<std::string> read_file(const std::filesystem::path& path, const std::string& what, std::size_t most) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return trouble(path, what, errno);
  std::string text;
  char buffer[16 * 1024];
  ssize_t n = 0;
  while ((n = ::read(fd, buffer, sizeof buffer)) > 0 && text.size() <= most)
    text.append(buffer, static_cast<std::size_t>(n));
  const int error = errno;
  ::close(fd);
  if (n < 0) return trouble(path, what, error);
  if (text.size() > most) {
    return Error{errc::invalid_argument,
                 fmt::format("{} {} is larger than {} bytes", what, path.string(), most)};
  }
  return text;
}

}  // namespace sluice::device
