#include "store/directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sluice::store {
namespace {

std::string user(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> text{};
  if (::getpwuid_r(uid, &entry, text.data(), text.size(), &found) == 0 && found != nullptr) {
    return fmt::format("uid {} ({})", uid, found->pw_name);
  }
  return fmt::format("uid {}", uid);
}

}  // namespace

std::string ownership(const std::filesystem::path& path) {
  struct stat st{};
  auto self = fmt::format("this process is {}", user(::geteuid()));
  if (::stat(path.c_str(), &st) != 0) return self;
  return fmt::format("{} is owned by {}, mode {:04o}; {}", path.string(), user(st.st_uid), st.st_mode & 07777,
                     self);
}

result<int> claim(const std::filesystem::path& directory, const std::string& lock_name) {
  std::error_code ec;
  if (!std::filesystem::is_directory(directory, ec)) {
    const auto parent = directory.parent_path();
    if (!parent.empty()) std::filesystem::create_directories(parent, ec);
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
      const int why = errno;
      return Error{
          why == ENOSPC ? errc::disk_full : errc::io,
          fmt::format("cannot make {}: {} ({})", directory.string(), std::strerror(why), ownership(parent))};
    }
  }
  const auto path = directory / lock_name;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    const int why = errno;
    return Error{why == ENOSPC ? errc::disk_full : errc::io,
                 fmt::format("cannot write in {}: {} ({})", directory.string(), std::strerror(why),
                             ownership(directory))};
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> pid{};
    const auto n = ::pread(fd, pid.data(), pid.size() - 1, 0);
    ::close(fd);
    return Error{errc::exists,
                 fmt::format("{} is in use by another sluiced (process {}): stop it, or give this one a "
                             "store.directory of its own",
                             directory.string(), n > 0 ? pid.data() : "unknown")};
  }
  const auto pid = fmt::format("{}", ::getpid());
  if (::ftruncate(fd, 0) == 0) {
    [[maybe_unused]] const auto n = ::pwrite(fd, pid.data(), pid.size(), 0);
  }
  return fd;
}

void release(int lock) {
  if (lock >= 0) ::close(lock);
}

}  // namespace sluice::store
