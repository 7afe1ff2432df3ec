// A serial line without hardware: a pty whose other end is the test or a simulator, under a name of its own,
// as /dev/serial/by-id gives it.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace sluice::test {

struct PtyEnds {
  int master = -1;   // does not block
  std::string path;  // of the other end
};
// In raw mode. Errors: an exception.
inline PtyEnds open_pty() {
  PtyEnds ends{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), {}};
  std::array<char, 128> path{};
  termios raw{};
  if (ends.master < 0 || ::grantpt(ends.master) != 0 || ::unlockpt(ends.master) != 0 ||
      ::ptsname_r(ends.master, path.data(), path.size()) != 0 || ::tcgetattr(ends.master, &raw) != 0)
    throw std::runtime_error("no pty");
  ::cfmakeraw(&raw);
  ::tcsetattr(ends.master, TCSANOW, &raw);
  ends.path = path.data();
  return ends;
}

class PseudoTerminal {
 public:
  explicit PseudoTerminal(std::filesystem::path name) : name_(std::move(name)) { plug(); }
  ~PseudoTerminal() { unplug(); }
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  // Comes back as another device (/dev/pts/N) under the same name.
  void plug() {
    auto ends = open_pty();
    master_ = ends.master;
    std::error_code ignored;
    std::filesystem::remove(name_, ignored);
    std::filesystem::create_symlink(ends.path, name_);
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
