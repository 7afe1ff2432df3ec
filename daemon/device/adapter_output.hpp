// What an adapter's process writes to stdout or stderr, as lines of our log: with its name, bounded in length
// and rate. A process that writes faster is not read for a while.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "device/adapter_process.hpp"
#include "device/buckets.hpp"

namespace sluice::device {

// One adapter's lines, of both pipes.
class AdapterLog {
 public:
  AdapterLog(Clock& clock, Log log, std::string name);
  // A whole line; `<3>` to `<7>` in front is its level.
  void line(std::string_view line, Level level);
  // Says how many lines were left out, now and then.
  void tick(MonoTime now);
  // The last line that was a warning or worse: why it ended, perhaps.
  const std::string& last_complaint() const { return last_complaint_; }
  std::uint64_t lines = 0, left_out = 0;

 private:
  Clock& clock_;
  Log log_;
  std::string name_, last_complaint_;
  Bucket budget_;
  std::uint64_t told_left_out_ = 0;
  MonoTime told_at_{};
};

// Bytes to lines: at most kLongest each, what is beyond is cut.
class LineCutter {
 public:
  static constexpr std::size_t kLongest = 1024;
  template <typename F>
  void feed(std::string_view bytes, F&& each) {
    while (!bytes.empty()) {
      const auto end = bytes.find('\n');
      const auto part = bytes.substr(0, end);
      line_.append(part.substr(0, kLongest - std::min(kLongest, line_.size())));
      if (end == std::string_view::npos) return;
      if (!line_.empty()) each(std::string_view(line_));
      line_.clear();
      bytes.remove_prefix(end + 1);
    }
  }
  template <typename F>
  void end(F&& each) {
    if (!line_.empty()) each(std::string_view(line_));
    line_.clear();
  }

 private:
  std::string line_;
};

class AdapterOutput : public std::enable_shared_from_this<AdapterOutput> {
 public:
  AdapterOutput(boost::asio::io_context& loop, Clock& clock, Handle pipe, std::shared_ptr<AdapterLog> log,
                Level level);
  void start() { wait(); }
  // What is there still, then no more.
  void finish();

 private:
  void wait();
  bool take();

  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> pipe_;
  Timer pause_;
  std::shared_ptr<AdapterLog> log_;
  Level level_;
  LineCutter cutter_;
};

}  // namespace sluice::device
