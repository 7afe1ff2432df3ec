// SMP over UDP on a network that comes, goes and changes: in a network namespace of its own, whose only
// interface is the loopback, and down at first.
#include "plugins/smp/udp_transport.hpp"

#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/ip/udp.hpp>
#include <cstring>
#include <iostream>
#include <set>

namespace sluice::smp {
namespace {

namespace asio = boost::asio;

// Runs in a child, since a namespace is for ever; 77: this machine gives none.
int in_own_network(const std::function<void()>& test) {
  const auto child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNET) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) ::_exit(77);
    test();
    std::cout.flush();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void set_loopback(bool up) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  ASSERT_EQ(::ioctl(fd, SIOCGIFFLAGS, &request), 0);
  request.ifr_flags = static_cast<short>(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
  ASSERT_EQ(::ioctl(fd, SIOCSIFFLAGS, &request), 0);
  ::close(fd);
}

// A device: answers each datagram with itself, unless it is silent.
struct Device {
  explicit Device(asio::io_context& loop) : socket(loop, {asio::ip::make_address("127.0.0.1"), 1337}) {}
  std::size_t take(bool answers = true) {
    std::array<char, 64> bytes{};
    socket.non_blocking(true);
    for (std::size_t taken = 0;; ++taken) {
      asio::ip::udp::endpoint from;
      boost::system::error_code ec;
      const auto n = socket.receive_from(asio::buffer(bytes), from, 0, ec);
      if (ec) return taken;
      peers.insert(from.port());
      if (answers) socket.send_to(asio::buffer(bytes, n), from, 0, ec);
    }
  }
  asio::ip::udp::socket socket;
  std::set<std::uint16_t> peers;
};

struct Way {
  Way() {
    auto made = make_udp_transport(loop, "127.0.0.1", 1337, Log());
    EXPECT_TRUE(made);
    way = std::move(*made);
    way->on_message([this](std::string_view message) { heard += message; });
  }
  void run() {
    loop.restart();
    while (loop.run_one_for(std::chrono::milliseconds(50)) > 0) loop.poll();
  }
  asio::io_context loop{1};
  std::unique_ptr<Transport> way;
  std::string heard;
};

#define IN_OWN_NETWORK(...)                                                        \
  const int code = in_own_network([] __VA_ARGS__);                                 \
  if (code == 77) GTEST_SKIP() << "this machine gives no network namespace to us"; \
  EXPECT_EQ(code, 0)

TEST(UdpTransport, IsThereBeforeTheNetworkAndFindsItWhenItComesAndComesBack) {
  IN_OWN_NETWORK({
    Way udp;
    EXPECT_FALSE(udp.way->send("a")) << "there is no route yet";
    EXPECT_FALSE(udp.way->send("b"));
    set_loopback(true);
    Device device(udp.loop);
    EXPECT_TRUE(udp.way->send("c"));
    EXPECT_EQ(device.take(), 1U);
    udp.run();
    EXPECT_EQ(udp.heard, "c");
    set_loopback(false);
    (void)udp.way->send("d");  // some kernels say that it goes nowhere, others do not
    set_loopback(true);
    std::size_t tries = 0;
    for (std::size_t taken = 0; taken == 0 && tries < 5; taken = device.take(), ++tries)
      (void)udp.way->send("e");
    EXPECT_LE(tries, 4U);
    udp.run();
    EXPECT_EQ(udp.heard, "ce");
  });
}

TEST(UdpTransport, TakesAnotherSocketAfterASilence) {
  IN_OWN_NETWORK({
    set_loopback(true);
    Way udp;
    Device device(udp.loop);
    for (int i = 0; i < 10; ++i) {
      EXPECT_TRUE(udp.way->send("x"));
      EXPECT_EQ(device.take(), 1U);
      udp.run();
    }
    EXPECT_EQ(device.peers.size(), 1U) << "what is answered stays";
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(udp.way->send("y"));
    EXPECT_EQ(device.take(false), 4U);
    EXPECT_EQ(device.peers.size(), 2U);
    udp.run();
    EXPECT_TRUE(udp.way->send("z"));
    EXPECT_EQ(device.take(), 1U);
    udp.run();
    EXPECT_EQ(udp.heard, "xxxxxxxxxxz");
  });
}

TEST(UdpTransport, RefusesWhatIsNoAddress) {
  asio::io_context loop;
  EXPECT_FALSE(make_udp_transport(loop, "meter.example", 1337, Log()));
}

}  // namespace
}  // namespace sluice::smp
