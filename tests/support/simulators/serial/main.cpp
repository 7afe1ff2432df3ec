// sluice-serial-sensor: serial sensors on a pty, each reading sent until it is acknowledged.
#include <fmt/format.h>

#include <boost/asio/signal_set.hpp>
#include <boost/program_options.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>

#include "sensor.hpp"

namespace po = boost::program_options;
using namespace sluice;

namespace {

Duration seconds(double value) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}

serial::FramingOptions framing_of(const std::string& framing, const std::string& crc) {
  using Kind = serial::FramingOptions::Kind;
  serial::FramingOptions made;
  made.most = 255;
  made.kind = framing == "length" ? Kind::length
              : framing == "slip" ? Kind::slip
              : framing == "cobs" ? Kind::cobs
                                  : Kind::line;
  made.crc = crc == "ccitt"    ? serial::Crc::ccitt
             : crc == "modbus" ? serial::Crc::modbus
             : crc == "crc32"  ? serial::Crc::crc32
                               : serial::Crc::none;
  if (made.kind == Kind::length) made.sync = "\xaa\x55";
  return made;
}

int run(int argc, char** argv) {
  simulators::SensorOptions options;
  std::string link, framing, crc, log, sent;
  double unplug_every = 0, unplugged_for = 0, patience = 0;
  bool once = false;
  po::options_description described("sluice-serial-sensor --link PATH");
  described.add_options()("link", po::value(&link)->required(), "the name of the line")(
      "device", po::value(&options.devices)->multitoken(), "ids on the line")(
      "framing", po::value(&framing)->default_value("line"), "line, length (sync AA 55), slip, cobs")(
      "crc", po::value(&crc)->default_value("none"), "none, ccitt, modbus, crc32")(
      "rate", po::value(&options.per_second)->default_value(2), "readings a second, each device")(
      "once", po::bool_switch(&once), "send each reading once, without an acknowledgement")(
      "corrupt", po::value(&options.corrupt)->default_value(0),
      "share of the bytes that are broken, both ways")("halves", po::value(&options.halves)->default_value(0),
                                                       "share of the frames that break off")(
      "burst", po::value(&options.burst)->default_value(1), "bytes that are broken in a row, in the mean")(
      "baud", po::value(&options.baud)->default_value(0),
      "who listens at another rate hears noise; 0: any rate")(
      "unplug-every", po::value(&unplug_every)->default_value(0), "seconds; comes back as another device")(
      "unplugged-for", po::value(&unplugged_for)->default_value(0.5), "seconds")(
      "patience", po::value(&patience)->default_value(0.5), "seconds until a reading is sent again")(
      "count", po::value(&options.count)->default_value(0), "readings of each device; 0: for ever")(
      "log", po::value(&log)->default_value(""), "file for what was acknowledged: device and seq")(
      "sent", po::value(&sent)->default_value(""), "file for what left: device, seq, whole or harmed")(
      "seed", po::value(&options.seed)->default_value(1), "of the chance")("help", "");
  po::variables_map given;
  po::store(po::parse_command_line(argc, argv, described), given);
  if (given.contains("help")) {
    std::cout << described;
    return 0;
  }
  po::notify(given);
  options.link = link;
  options.log = log;
  options.sent = sent;
  options.framing = framing_of(framing, crc);
  options.waits_for_ack = !once;
  options.unplug_every = seconds(unplug_every);
  options.unplugged_for = seconds(unplugged_for);
  options.patience = seconds(patience);

  boost::asio::io_context loop{1};
  const auto clock = make_system_clock(loop);
  simulators::Sensor sensor(loop, *clock, options);
  boost::asio::signal_set signals(loop, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code&, int) { loop.stop(); });
  sensor.start();
  Timer look(*clock);
  std::function<void()> watch = [&] {
    if (sensor.done()) return loop.stop();
    look.start(std::chrono::milliseconds(50), watch);
  };
  watch();
  loop.run();
  std::error_code ignored;
  std::filesystem::remove(options.link, ignored);
  fmt::print("sent {} acknowledged {} corrupted {} plugs {}\n", sensor.sent, sensor.acknowledged,
             sensor.corrupted, sensor.plugs);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "sluice-serial-sensor: {}\n", e.what());
    return 64;
  }
}
