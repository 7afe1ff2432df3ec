#include "console/service_notify.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/datagram_protocol.hpp>

#include "tests/support/scratch.hpp"

namespace sluice {
namespace {

using Datagrams = boost::asio::local::datagram_protocol;

// The service manager's end.
struct Manager {
  explicit Manager(const std::string& address) : socket(loop, Datagrams::endpoint(address)) {
    socket.non_blocking(true);
  }
  std::string heard() {
    char buffer[2048];
    boost::system::error_code error;
    const auto n = socket.receive(boost::asio::buffer(buffer), 0, error);
    return error ? "" : std::string(buffer, n);
  }
  boost::asio::io_context loop;
  Datagrams::socket socket;
};

TEST(ServiceNotify, SpeaksTheProtocolOfSystemd) {
  const test::Scratch scratch;
  const auto path = (scratch.path() / "notify").string();
  Manager manager(path);
  ServiceNotify notify(path, 10s);
  notify.ready();
  EXPECT_EQ(manager.heard(), "READY=1");
  notify.alive();
  EXPECT_EQ(manager.heard(), "WATCHDOG=1");
  notify.status("12 devices\nREADY=1");
  EXPECT_EQ(manager.heard(), "STATUS=12 devices READY=1");
  notify.reloading(MonoTime(5s));
  EXPECT_EQ(manager.heard(), "RELOADING=1\nMONOTONIC_USEC=5000000");
  notify.stopping();
  EXPECT_EQ(manager.heard(), "STOPPING=1");
  EXPECT_EQ(notify.alive_interval(), Duration(5s));
}

TEST(ServiceNotify, SpeaksToAbstractSockets) {
  const auto name = "sluice-test-" + std::to_string(::getpid());
  Manager manager(std::string(1, '\0') + name);
  ServiceNotify notify("@" + name, {});
  notify.ready();
  EXPECT_EQ(manager.heard(), "READY=1");
  EXPECT_FALSE(notify.alive_interval());
}

TEST(ServiceNotify, SaysNothingWhenNobodyListens) {
  ServiceNotify without("", 1s);
  without.ready();
  EXPECT_FALSE(without.alive_interval());
  ServiceNotify gone("/nowhere/notify", {});
  gone.ready();
}

TEST(ServiceNotify, ObeysAWatchdogThatIsMeantForThisProcess) {
  ::setenv("NOTIFY_SOCKET", "@nobody", 1);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::unsetenv("WATCHDOG_PID");
  EXPECT_EQ(ServiceNotify::from_environment().alive_interval(), Duration(15s));
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(ServiceNotify::from_environment().alive_interval());
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_FALSE(ServiceNotify::from_environment().alive_interval());
  for (const auto* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
}

}  // namespace
}  // namespace sluice
