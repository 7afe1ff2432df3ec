#include "device/adapter_executable.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "core/file_owner.hpp"
#include "device/access.hpp"

namespace sluice::device {
namespace {

namespace fs = std::filesystem;

Error denied(const std::string& text) { return {errc::denied, "adapter refused: " + text}; }

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
  if (auto fine = only_ours(path); !fine)
    return fine.error().code == errc::denied ? denied(fine.error().text) : fine.error();
  if (::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) != 0)
    return denied(fmt::format("{} is not executable ({}): chmod a+x {}", path.string(), owner_and_mode(path),
                              path.string()));
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
