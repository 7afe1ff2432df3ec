#include "device/adapter_executable.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "device/access.hpp"
#include "device/file_trouble.hpp"

namespace sluice::device {
namespace {

namespace fs = std::filesystem;

Error denied(const std::string& text) { return {errc::denied, "adapter refused: " + text}; }

// Root's or ours: who else owns it can change it under us.
bool ours(const struct stat& info) { return info.st_uid == 0 || info.st_uid == ::geteuid(); }

result<void> check_folder(const fs::path& folder) {
  struct stat info{};
  if (::stat(folder.c_str(), &info) != 0)
    return Error{errc::not_found,
                 fmt::format("{}: {}", folder.string(), std::generic_category().message(errno))};
  if (!ours(info)) {
    return denied(fmt::format("the folder {} belongs to somebody else ({}): chown root {}", folder.string(),
                              owner_and_mode(folder), folder.string()));
  }
  // In a sticky folder (/tmp) others cannot put something in the place of what is ours.
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (info.st_mode & S_ISVTX) == 0) {
    return denied(fmt::format("others may write into the folder {} ({}): chmod go-w {}", folder.string(),
                              owner_and_mode(folder), folder.string()));
  }
  return {};
}

}  // namespace

result<fs::path> adapter_executable(const fs::path& directory, const std::string& kind) {
  if (!valid_device_id(kind))
    return Error{errc::invalid_argument, fmt::format("`{}` is no adapter's name", kind)};
  std::error_code ec;
  const auto home = fs::canonical(directory, ec);
  if (ec) {
    return Error{errc::not_found, fmt::format("the folder of the adapters {}: {}; see adapters_directory",
                                              directory.string(), ec.message())};
  }
  auto path = fs::canonical(home / kind, ec);
  if (ec) {
    return Error{errc::not_found,
                 fmt::format("there is no adapter {}: {}: {}; install it, or see adapters_directory", kind,
                             (home / kind).string(), ec.message())};
  }
  if (path.parent_path() != home)
    return denied(fmt::format("{} is a link that leads out of its folder to {}", (home / kind).string(),
                              path.string()));
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0)
    return Error{errc::io, fmt::format("{}: cannot be looked at", path.string())};
  if (!S_ISREG(info.st_mode)) return denied(fmt::format("{} is not a regular file", path.string()));
  if (!ours(info)) {
    return denied(fmt::format("{} belongs to somebody else ({}): chown root {}", path.string(),
                              owner_and_mode(path), path.string()));
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return denied(fmt::format("others may write {} ({}): chmod go-w {}", path.string(), owner_and_mode(path),
                              path.string()));
  }
  if (::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) != 0)
    return denied(fmt::format("{} is not executable ({}): chmod a+x {}", path.string(), owner_and_mode(path),
                              path.string()));
  for (auto folder = home;; folder = folder.parent_path()) {
    if (auto fine = check_folder(folder); !fine) return fine.error();
    if (folder == folder.root_path()) break;
  }
  return path;
}

fs::path interpreter_home(const fs::path& executable) {
  const int fd = ::open(executable.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::array<char, 256> bytes{};
  const auto got = ::read(fd, bytes.data(), bytes.size());
  ::close(fd);
  std::string_view line(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  if (!line.starts_with("#!")) return {};
  line = line.substr(2, line.find('\n') - 2);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const fs::path interpreter(line.substr(0, line.find(' ')));
  if (!interpreter.is_absolute() || interpreter.string().starts_with("/usr/") ||
      interpreter.string().starts_with("/bin/"))
    return {};
  const auto folder = interpreter.parent_path();
  return folder.filename() == "bin" ? folder.parent_path() : folder;
}

}  // namespace sluice::device
