// The line itself: the order of breaks and frames, what is dropped before a close. The pty carries the bytes;
// what it has not (a break, bytes that wait to leave) is a script.
#include <fcntl.h>
#include <gtest/gtest.h>

#include "plugins/serial/port.hpp"
#include "tests/support/pseudo_terminal.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::serial {
namespace {

using Sent = LineControl::Sent;

class SerialPort : public testing::Test {
 protected:
  void open(Duration break_for, std::uint32_t baud = 9600) {
    PortOptions options;
    options.path = line.name().string();
    options.baud = baud;
    options.break_for = break_for;
    port = std::make_unique<Port>(
        loop, clock, options,
        Port::Events{[](std::string_view) {}, [] {}, [] {}, [this](const std::string& why) { closed = why; }},
        LineControl{[this](int) { return sent; },
                    [this](int, bool on) {
                      turn();
                      order += on ? "[" : "]";
                    },
                    [this](int fd) {
                      EXPECT_GE(::fcntl(fd, F_GETFD), 0) << "it is not closed yet";
                      ++discarded;
                    }});
    port->start();
    ASSERT_TRUE(port->is_open()) << closed;
  }
  void turn() {
    loop.restart();
    loop.poll();
    order += line.heard();
  }
  void pass(Duration time) {
    for (Duration past{}; past < time; past += 1ms) {
      turn();
      clock.advance(1ms);
    }
    turn();
  }

  sluice::test::Scratch scratch;
  sluice::test::PseudoTerminal line{scratch.path() / "usb"};
  boost::asio::io_context loop{1};
  sluice::test::VirtualClock clock;
  Sent sent = Sent::entirely;
  std::string order, closed;
  int discarded = 0;
  std::unique_ptr<Port> port;
};

TEST_F(SerialPort, SendsNoBreakOverTheFrameThatIsStillLeaving) {
  open(3ms);
  ASSERT_TRUE(port->write("one"));
  pass(10ms);
  EXPECT_EQ(order, "[]one");
  sent = Sent::no;
  ASSERT_TRUE(port->write("two"));
  pass(500ms);
  EXPECT_EQ(order, "[]one") << "the kernel still has bytes of it";
  sent = Sent::entirely;
  pass(10ms);
  EXPECT_EQ(order, "[]one[]two");
}

TEST_F(SerialPort, LeavesTheHardwareTheTimeOfAFrameWhereItDoesNotTell) {
  sent = Sent::to_chip;
  open(3ms, 1200);  // 8.3 ms a byte
  ASSERT_TRUE(port->write("ten bytes!"));
  ASSERT_TRUE(port->write("two"));
  pass(75ms);
  EXPECT_EQ(order, "[]ten bytes!");
  pass(30ms);
  EXPECT_EQ(order, "[]ten bytes![]two");
}

TEST_F(SerialPort, GivesUpABreakForALineThatTakesNothing) {
  open(3ms);
  sent = Sent::no;
  bool well = true;
  ASSERT_TRUE(port->write("one", [&](bool so) { well = so; }));
  pass(2100ms);
  EXPECT_FALSE(well);
  EXPECT_EQ(order, "");
  EXPECT_NE(closed.find("takes no bytes"), std::string::npos) << closed;
}

TEST_F(SerialPort, DropsWhatHasNotLeftBeforeEachClose) {
  open(0ms);
  port->stop();
  EXPECT_EQ(discarded, 1);
  port->start();
  port.reset();
  EXPECT_EQ(discarded, 2);
}

TEST_F(SerialPort, DrainsForAWhileAndNoLonger) {
  open(0ms);
  sent = Sent::no;
  int drained = 0;
  ASSERT_TRUE(port->write("ack"));
  port->drain(100ms, [&] { ++drained; });
  pass(50ms);
  EXPECT_EQ(drained, 0);
  sent = Sent::entirely;
  pass(5ms);
  EXPECT_EQ(drained, 1);
  sent = Sent::no;
  port->drain(100ms, [&] { ++drained; });
  pass(150ms);
  EXPECT_EQ(drained, 2);
}

}  // namespace
}  // namespace sluice::serial
