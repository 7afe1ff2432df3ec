// Every publish that the cloud took, one JSON line each: the oracle of crash tests. A PUBACK leaves only
// after the line is in the file (AckGate), so what was acknowledged is in it even if the local cloud is
// killed.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "mqtt/packet.hpp"

namespace sluice::cloud {

enum class LogFormat {
  full,  // everything, batches unpacked
  ids,   // time, thing, topic and the record ids only: for high rates
  none
};

struct Received {
  std::string_view client, thing;
  bool mqtt5 = true, from_will = false;
  const mqtt::Publish* publish = nullptr;
  std::string_view region = {};  // empty: there is one
};

class PublishLog {
 public:
  PublishLog(LogFormat format, Clock& clock) : format_(format), clock_(clock) {}
  ~PublishLog();
  PublishLog(const PublishLog&) = delete;
  PublishLog& operator=(const PublishLog&) = delete;

  // Appends to the file; empty path: lines are kept in memory only.
  result<void> open(const std::filesystem::path& path);

  void add(const Received& received);
  // Writes what was added since the last call. After an error nothing may be acknowledged any more.
  result<void> flush();

  // The latest lines (bounded by number and bytes), numbered from 1, for the admin port.
  struct Line {
    std::uint64_t number;
    std::string text;
  };
  const std::deque<Line>& latest() const { return latest_; }
  std::uint64_t count() const { return count_; }

 private:
  void write_full(const Received& received);
  void write_ids(const Received& received);
  void remember(std::string_view line);

  LogFormat format_;
  Clock& clock_;
  int fd_ = -1;
  bool dead_ = false;
  std::string buffer_;
  std::deque<Line> latest_;
  std::size_t latest_bytes_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace sluice::cloud
