// Between a device and its line: console framing or datagrams, with what a bad line does to them. Bytes in,
// bytes out; a pty, a socket or a test carries them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/smp/console_framing.hpp"
#include "smp/device.hpp"

namespace sluice::smp_device {

class DevicePort {
 public:
  using Out = std::function<void(std::string bytes)>;

  DevicePort(Device& device, Faults& faults, std::uint64_t seed, bool datagrams);

  void on_out(Out out) { out_ = std::move(out); }
  // What came from the line: any bytes, or for datagrams one of them.
  void in(std::string_view bytes);

  struct Counters {
    std::uint64_t lines_in = 0, lines_out = 0, dropped = 0, flipped = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  // False when the line is lost; else perhaps with a bit turned.
  bool survives(std::string& line);
  void lines(std::string_view bytes);
  void send(const std::string& message);

  Device& device_;
  Faults& faults_;
  Chance chance_;
  bool datagrams_;
  Out out_;
  std::string half_line_;
  smp::ConsoleReader reader_;
  Counters counters_;
};

}  // namespace sluice::smp_device
