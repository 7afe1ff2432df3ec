// A serial sensor on a pty that does not forget a reading before it was acknowledged, and a line between that
// can break, go and come back. Used by the system tests and the quickstart.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "plugins/serial/framing.hpp"

namespace sluice::simulators {

struct SensorOptions {
  std::filesystem::path link;  // the name of the line, as /dev/serial/by-id would give it
  serial::FramingOptions framing;
  std::vector<std::string> devices = {"serial-1"};
  double per_second = 2;
  bool waits_for_ack = true;  // a reading is sent until it is acknowledged; else once
  double corrupt = 0;         // share of the bytes, both ways
  double burst = 1;           // bytes that are broken in a row, in the mean
  double halves = 0;          // share of the frames that break off
  unsigned baud = 0;          // of the sensor; who is set to another hears noise. 0: that of who listens
  Duration unplug_every{}, unplugged_for = std::chrono::milliseconds(500);
  Duration patience = std::chrono::milliseconds(500);  // for an acknowledgement
  std::uint64_t count = 0;                             // readings of each device; 0: for ever
  std::filesystem::path log;                           // what was acknowledged: `device seq`, a line each
  std::filesystem::path sent;                          // what left: `device seq whole|harmed`, a line each
  std::uint64_t seed = 1;
};

class Sensor {
 public:
  Sensor(boost::asio::io_context& loop, Clock& clock, SensorOptions options);
  void start();
  bool done() const;
  std::uint64_t sent = 0, acknowledged = 0, corrupted = 0, plugs = 0;

 private:
  struct Device {
    std::string id;
    std::uint64_t seq = 1;
    bool open = false;  // sent, not acknowledged
    MonoTime due{}, again{};
  };
  void plug();
  void unplug();
  void read();
  void turn();
  void say(Device& device);
  void hear(std::string_view frame);
  std::string harmed(std::string bytes);
  bool breaks();
  double chance() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  boost::asio::io_context& loop_;
  Clock& clock_;
  SensorOptions options_;
  std::unique_ptr<serial::Framing> framing_;
  boost::asio::posix::stream_descriptor master_;
  int spare_slave_ = -1;  // so that a line that nobody has open keeps its bytes
  std::vector<Device> devices_;
  std::mt19937_64 random_;
  std::ofstream log_, sent_log_;
  bool in_burst_ = false;
  Timer turn_, plug_;
  char buffer_[4096] = {};
};

}  // namespace sluice::simulators
