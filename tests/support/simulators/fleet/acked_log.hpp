// The oracle of every loss check: one line `DEVICE SEQ` for each reading that the gateway acknowledged, in a
// file that only grows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "core/error.hpp"

namespace sluice::fleet {

class AckedLog {
 public:
  ~AckedLog();
  AckedLog() = default;
  AckedLog(const AckedLog&) = delete;
  AckedLog& operator=(const AckedLog&) = delete;

  // Reads what an earlier run noted, so that sequence numbers go on.
  result<void> open(const std::filesystem::path& path);
  std::uint64_t highest(const std::string& device) const;

  void add(const std::string& device, std::uint64_t seq);
  // Writes what was added. A failed write ends the program: an oracle with holes proves nothing.
  void flush();

 private:
  int fd_ = -1;
  std::string buffer_;
  std::map<std::string, std::uint64_t> highest_;
};

}  // namespace sluice::fleet
