#include "load/report.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace sluice::load {

void Report::print() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  add("cpu_s", static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                   static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
  if (options_.json) {
    std::printf("{\"mode\":\"%s\"", name(options_.mode));
    for (const auto& [key, value] : rows_) std::printf(",\"%s\":%.12g", key, value);
    std::printf("}\n");
  } else {
    for (const auto& [key, value] : rows_) std::printf("%-20s %.12g\n", key, value);
  }
  std::fflush(stdout);
}

Lines::Lines(const std::string& path) {
  fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) {
    std::perror(("mqtt-load: --log " + path).c_str());
    std::exit(1);
  }
  buffer_.reserve(1 << 20);
}

void Lines::line(std::string_view client_id, std::uint64_t seq) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, seq).ptr;
  buffer_.append(client_id).append(1, ' ').append(digits, end).append(1, '\n');
  if (buffer_.size() > (1 << 20) - 256) write();
}

void Lines::write() {
  for (std::size_t done = 0; done < buffer_.size();) {
    const ssize_t n = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (n <= 0) {
      std::perror("mqtt-load: --log");
      std::exit(1);
    }
    done += static_cast<std::size_t>(n);
  }
  buffer_.clear();
}

}  // namespace sluice::load
