// A serial line without hardware: a pty whose other end is the test, under a name of its own, as
// /dev/serial/by-id gives it.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

namespace sluice::test {

class PseudoTerminal {
 public:
  explicit PseudoTerminal(std::filesystem::path name) : name_(std::move(name)) { plug(); }
  ~PseudoTerminal() { unplug(); }
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  // Comes back as another device (/dev/pts/N) under the same name.
  void plug() {
    master_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    ::grantpt(master_);
    ::unlockpt(master_);
    std::array<char, 128> path{};
    ::ptsname_r(master_, path.data(), path.size());
    std::error_code ignored;
    std::filesystem::remove(name_, ignored);
    std::filesystem::create_symlink(path.data(), name_);
  }
  void unplug() {
    if (master_ >= 0) ::close(master_);
    master_ = -1;
    std::error_code ignored;
    std::filesystem::remove(name_, ignored);
  }
  void say(std::string_view bytes) const { (void)!::write(master_, bytes.data(), bytes.size()); }
  // What the adapter has sent since.
  std::string heard() const {
    std::array<char, 4096> bytes{};
    std::string out;
    for (ssize_t got = 0; master_ >= 0 && (got = ::read(master_, bytes.data(), bytes.size())) > 0;)
      out.append(bytes.data(), static_cast<std::size_t>(got));
    return out;
  }
  int master() const { return master_; }
  const std::filesystem::path& name() const { return name_; }

 private:
  std::filesystem::path name_;
  int master_ = -1;
};

}  // namespace sluice::test
