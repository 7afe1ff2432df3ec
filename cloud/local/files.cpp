#include "cloud/local/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace sluice::cloud {

result<std::string> read_file(const std::filesystem::path& path) {
  constexpr std::uintmax_t kMost = 1024ULL * 1024;
  std::error_code ec;
  if (const auto size = std::filesystem::file_size(path, ec); ec || size > kMost) {
    return Error{errc::io, path.string() + ": " + (ec ? ec.message() : "larger than 1 MiB")};
  }
  std::ifstream in(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (in.bad() || !in.is_open()) return Error{errc::io, path.string() + ": cannot be read"};
  return text;
}

result<void> write_new_file(const std::filesystem::path& path, std::string_view text, unsigned mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) {
    return Error{errno == EEXIST ? errc::exists : errc::io, path.string() + ": " + std::strerror(errno)};
  }
  bool whole = true;
  while (whole && !text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    whole = n > 0 || (n < 0 && errno == EINTR);
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
  const int saved = errno;
  ::close(fd);
  if (!whole) return Error{errc::io, path.string() + ": " + std::strerror(saved)};
  return {};
}

result<void> write_file(const std::filesystem::path& path, std::string_view text, unsigned mode) {
  auto draft = path;
  draft += ".tmp";
  std::error_code ec;
  std::filesystem::remove(draft, ec);
  if (auto done = write_new_file(draft, text, mode); !done) return done;
  std::filesystem::rename(draft, path, ec);
  if (ec) return Error{errc::io, path.string() + ": " + ec.message()};
  return {};
}

std::string stamp_of(const std::filesystem::path& path) {
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0) return {};
  // The inode: a file that was replaced within one tick of the file system's clock is another one.
  return path.filename().string() + " " + std::to_string(st.st_mtim.tv_sec) + "." +
         std::to_string(st.st_mtim.tv_nsec) + " " + std::to_string(st.st_size) + " " +
         std::to_string(st.st_ino) + "\n";
}

}  // namespace sluice::cloud
