#include "fleet/acked_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace sluice::fleet {

AckedLog::~AckedLog() {
  if (fd_ >= 0) ::close(fd_);
}

result<void> AckedLog::open(const std::filesystem::path& path) {
  std::ifstream before(path);
  std::string device;
  for (std::uint64_t seq = 0; before >> device >> seq;) {
    auto& highest = highest_[device];
    highest = std::max(highest, seq);
  }
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ < 0) return Error{errc::io, path.string() + ": " + std::strerror(errno)};
  return {};
}

std::uint64_t AckedLog::highest(const std::string& device) const {
  const auto it = highest_.find(device);
  return it == highest_.end() ? 0 : it->second;
}

void AckedLog::add(const std::string& device, std::uint64_t seq) {
  if (fd_ >= 0) buffer_ += device + ' ' + std::to_string(seq) + '\n';
}

void AckedLog::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const auto n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      throw std::runtime_error(std::string("writing the log of acknowledged readings: ") +
                               std::strerror(errno));
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  buffer_.clear();
}

}  // namespace sluice::fleet
