// sluice-modbus-server: Modbus units on TCP and on a pty. SIGUSR1 brings the silent units back, SIGUSR2 makes
// them silent again.
#include <fmt/format.h>

#include <boost/asio/signal_set.hpp>
#include <boost/program_options.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>

#include "server.hpp"

namespace po = boost::program_options;
using namespace sluice;
using simulators::ModbusOptions;

namespace {

// "3:17" or "3:17:20".
std::vector<unsigned> numbers(const std::string& text) {
  std::vector<unsigned> out;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(':', at), text.size());
    out.push_back(static_cast<unsigned>(std::stoul(text.substr(at, end - at))));
    at = end + 1;
  }
  out.resize(3, out.back());
  return out;
}

std::vector<ModbusOptions::Range> ranges(const std::vector<std::string>& texts) {
  std::vector<ModbusOptions::Range> out;
  for (const auto& text : texts) {
    const auto parts = numbers(text);
    out.push_back({parts[0], parts[1], parts[2]});
  }
  return out;
}

int run(int argc, char** argv) {
  ModbusOptions options;
  std::string link, counts;
  int port = -1;
  std::vector<unsigned> silent;
  std::vector<std::string> exceptions, slow, holes, stuck;
  po::options_description described("sluice-modbus-server --tcp PORT | --link PATH");
  const auto many = [](auto* into) { return po::value(into)->multitoken(); };
  described.add_options()("tcp", po::value(&port), "the port on loopback; 0: any")(
      "link", po::value(&link), "RTU: the name of the line")("unit", many(&options.units), "who is there; 1")(
      "silent", many(&silent), "units that do not answer")("exception", many(&exceptions),
                                                           "UNIT:CODE, the answer to everything")(
      "slow", many(&slow), "UNIT:MILLISECONDS, how late it answers")(
      "hole", many(&holes), "UNIT:FIRST:LAST, addresses that it does not have")(
      "stuck", many(&stuck), "UNIT:FIRST:LAST, holding registers that stay as they are")(
      "bad-crc", po::value(&options.bad_crc)->default_value(0), "share of the answers on the line")(
      "counts", po::value(&counts), "file for what was asked, as JSON")(
      "seed", po::value(&options.seed)->default_value(1), "of the chance")("help", "");
  po::variables_map given;
  po::store(po::parse_command_line(argc, argv, described), given);
  if (given.contains("help")) {
    std::cout << described;
    return 0;
  }
  po::notify(given);
  if (port < 0 && link.empty()) throw std::invalid_argument("give --tcp or --link");
  if (port >= 0) options.tcp_port = static_cast<std::uint16_t>(port);
  options.link = link;
  options.counts = counts;
  options.silent = {silent.begin(), silent.end()};
  for (const auto& text : exceptions) options.exceptions[numbers(text)[0]] = numbers(text)[1];
  for (const auto& text : slow) options.slow[numbers(text)[0]] = std::chrono::milliseconds(numbers(text)[1]);
  options.holes = ranges(holes);
  options.stuck = ranges(stuck);

  boost::asio::io_context loop{1};
  const auto clock = make_system_clock(loop);
  simulators::ModbusServer server(loop, *clock, options);
  server.start();
  if (port >= 0) fmt::print("listening on 127.0.0.1:{}\n", server.port());
  if (!link.empty()) fmt::print("line {} -> {}\n", link, server.terminal());
  std::fflush(stdout);
  boost::asio::signal_set ends(loop, SIGTERM, SIGINT), talks(loop, SIGUSR1, SIGUSR2);
  ends.async_wait([&](const boost::system::error_code&, int) { loop.stop(); });
  std::function<void()> listen = [&] {
    talks.async_wait([&](const boost::system::error_code& ec, int signal) {
      if (ec) return;
      server.silence(signal == SIGUSR2);
      listen();
    });
  };
  listen();
  loop.run();
  if (!link.empty()) server.plug(false);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "sluice-modbus-server: {}\n", e.what());
    return 64;
  }
}
