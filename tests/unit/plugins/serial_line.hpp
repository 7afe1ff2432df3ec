// The serial adapter's driver on a pty, with the daemon as a script and time in the test's hand: what the
// tests of the driver share.
#pragma once

#include <gtest/gtest.h>

#include "plugins/serial/driver.hpp"
#include "tests/support/pseudo_terminal.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/scripted_gateway.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::serial::test {

using adapter::Json;

class SerialLine : public testing::Test {
 protected:
  // `own` over a line of JSON devices that are acknowledged.
  void start(Json own = Json::object()) {
    Json section = {{"port", line.name().string()},
                    {"gap", 100},
                    {"devices", {{{"id", "th-1"}, {"topic", "d/{device}/temp"}}}}};
    section.update(own);
    auto made =
        SerialDriver::make({.name = "line-1", .product = "thermo", .section = section, .most_devices = 5},
                           {loop, clock, gateway});
    ASSERT_TRUE(made) << made.error().text;
    driver = std::move(*made);
    driver->start();
  }
  bool wait_until(const std::function<bool()>& so, Duration step = {}) {
    for (int turn = 0; turn < 2000; ++turn) {
      if (so()) return true;
      loop.restart();
      loop.run_one_for(std::chrono::milliseconds(2));
      loop.poll();
      if (step > Duration::zero()) clock.advance(step);
      heard += line.heard();
    }
    return so();
  }
  bool published(std::size_t count) {
    return wait_until([&] { return gateway.published.size() >= count; });
  }
  bool sent(const std::string& bytes) {
    const bool so = wait_until([&] { return heard.find(bytes) != std::string::npos; });
    EXPECT_TRUE(so) << "heard: " << heard;
    return so;
  }
  void settle() {
    wait_until([turns = 0]() mutable { return ++turns > 20; });
  }

  sluice::test::Scratch scratch;
  sluice::test::PseudoTerminal line{scratch.path() / "usb-FTDI-port0"};
  boost::asio::io_context loop{1};
  sluice::test::VirtualClock clock;
  adapter::test::ScriptedGateway gateway;
  std::string heard;
  std::unique_ptr<adapter::Driver> driver;
};

}  // namespace sluice::serial::test
