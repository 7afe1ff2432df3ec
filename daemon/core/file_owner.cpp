#include "core/file_owner.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

namespace sluice {
namespace {

namespace fs = std::filesystem;

std::string user_name(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16 * 1024);
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return found->pw_name;
  return "uid " + std::to_string(uid);
}

// Root's or ours: who else owns it can change it under us.
bool ours(const struct stat& info) { return info.st_uid == 0 || info.st_uid == ::geteuid(); }

result<void> check_folder(const fs::path& folder) {
  struct stat info{};
  if (::stat(folder.c_str(), &info) != 0)
    return Error{errc::not_found,
                 fmt::format("{}: {}", folder.string(), std::generic_category().message(errno))};
  if (!ours(info)) {
    return Error{errc::denied, fmt::format("the folder {} belongs to somebody else ({}): chown root {}",
                                           folder.string(), owner_and_mode(folder), folder.string())};
  }
  // In a sticky folder (/tmp) others cannot put something in the place of what is ours.
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (info.st_mode & S_ISVTX) == 0) {
    return Error{errc::denied, fmt::format("others may write into the folder {} ({}): chmod go-w {}",
                                           folder.string(), owner_and_mode(folder), folder.string())};
  }
  return {};
}

}  // namespace

std::string owner_and_mode(const fs::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return {};
  return fmt::format("owner {}, mode {:04o}; sluiced runs as {}", user_name(info.st_uid),
                     info.st_mode & 07777U, user_name(::geteuid()));
}

result<void> only_ours(const fs::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0)
    return Error{errc::io, fmt::format("{}: cannot be looked at", path.string())};
  if (!S_ISREG(info.st_mode))
    return Error{errc::denied, fmt::format("{} is not a regular file", path.string())};
  if (!ours(info)) {
    return Error{errc::denied, fmt::format("{} belongs to somebody else ({}): chown root {}", path.string(),
                                           owner_and_mode(path), path.string())};
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{errc::denied, fmt::format("others may write {} ({}): chmod go-w {}", path.string(),
                                           owner_and_mode(path), path.string())};
  }
  for (auto folder = path.parent_path();; folder = folder.parent_path()) {
    if (auto fine = check_folder(folder); !fine) return fine;
    if (folder == folder.root_path()) return {};
  }
}

}  // namespace sluice
