// The serial line itself: opened by its path, set up, read, written; opened again by the same path when it
// has gone, which for /dev/serial/by-id is the same device under another number. Never blocks. Loop thread.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/serial_port.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/backoff.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "plugins/serial/line_control.hpp"
#include "plugins/serial/line_marks.hpp"
#include "plugins/serial/port_settings.hpp"

namespace sluice::serial {

class Port {
 public:
  struct Events {
    std::function<void(std::string_view bytes)> bytes;
    std::function<void()> broken;  // between bytes: one was broken or lost
    std::function<void()> opened;
    std::function<void(const std::string& why)> closed;  // or could not be opened; once for each new reason
  };
  Port(boost::asio::io_context& loop, Clock& clock, PortOptions options, Events events,
       LineControl control = kernel_line_control());
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  void start();
  void stop();
  bool is_open() const { return port_.is_open(); }
  // `done`: true when the kernel has taken it all; false when the port went, or did not take it within 2 s.
  // False, and nothing taken: it is closed, or too much waits.
  bool write(std::string bytes, std::function<void(bool)> done = {});
  // Calls `done` when all that was written has left, or after `most`: a close drops what has not.
  void drain(Duration most, std::function<void()> done);
  // Nothing is read for a while: the device is held by flow control, or by the kernel's buffer.
  void pause(bool on);
  // Not all that has come was read.
  bool waits();
  std::uint64_t bytes_in = 0, bytes_out = 0, opens = 0, write_timeouts = 0;
  std::uint64_t marked() const { return marks_.errors; }

 private:
  struct Write {
    std::string bytes;
    std::function<void(bool)> done;
  };
  void open();
  void retry(const std::string& why);
  void lost(const std::string& why);
  void read();
  void close();
  void write_next();
  bool has_left();
  void send_break();
  void send_front();
  void written(bool well);

  Clock& clock_;
  PortOptions options_;
  Events events_;
  LineControl control_;
  boost::asio::serial_port port_;
  Backoff backoff_;
  Timer retry_, write_deadline_, break_, drain_;
  LineMarks marks_;
  std::array<char, 4096> buffer_{};
  std::deque<Write> writes_;
  std::size_t waiting_bytes_ = 0;
  Duration in_chip_{};  // what the hardware may still hold of the last write takes this long
  MonoTime left_at_{};  // by then it has, when the hardware does not tell
  bool writing_ = false, reading_ = false, paused_ = false, stopped_ = true;
  std::string told_;
  unsigned generation_ = 0;  // of the open port: handlers of an earlier one do nothing
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::serial
