#include "store/ballast.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <system_error>

namespace sluice::store {

Ballast::Ballast(std::filesystem::path file, std::uint64_t bytes) : file_(std::move(file)), bytes_(bytes) {}

bool Ballast::ensure() {
  constexpr std::uint64_t kBeside = 1U << 20;
  struct statvfs fs{};
  if (::statvfs(file_.parent_path().c_str(), &fs) != 0) return there_;
  const std::uint64_t available = std::uint64_t{fs.f_bavail} * fs.f_frsize;
  if (there_) return true;
  if (bytes_ == 0) return available >= kBeside;
  struct stat existing{};
  const bool allocated =
      ::stat(file_.c_str(), &existing) == 0 && static_cast<std::uint64_t>(existing.st_blocks) * 512 >= bytes_;
  if (!allocated) {
    if (available < bytes_ + kBeside) return false;
    const int fd = ::open(file_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    const bool made = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes_)) == 0;
    ::close(fd);
    if (!made) {
      ::unlink(file_.c_str());
      return false;
    }
  }
  return there_ = true;
}

bool Ballast::release() {
  there_ = false;
  return ::unlink(file_.c_str()) == 0;
}

}  // namespace sluice::store
