// The bus over libmodbus against libmodbus's server, over TCP and over a pty, in real time: what the script
// of the other tests claims of a bus holds of the real one.
#include "plugins/modbus/libmodbus_bus.hpp"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "server.hpp"
#include "tests/support/scratch.hpp"

namespace sluice::modbus {
namespace {

enum class Wire { tcp, rtu };

class RealBus : public testing::TestWithParam<Wire> {
 protected:
  void serve(simulators::ModbusOptions options = {}, std::uint16_t port = 0) {
    if (GetParam() == Wire::tcp) options.tcp_port = port;
    if (GetParam() == Wire::rtu) options.link = scratch.path() / "usb-485";
    server = std::make_unique<simulators::ModbusServer>(loop, *clock, std::move(options));
    server->start();
  }
  LineSettings line() const {
    if (GetParam() == Wire::tcp) return TcpPeer{"127.0.0.1", server->port()};
    return SerialLine{.path = scratch.path() / "usb-485"};
  }
  Response ask(Request request) {
    if (!bus) bus = make_libmodbus_bus(loop, line());
    request.timeout = 150ms;
    std::optional<Response> got;
    bus->ask(request, [&got](const Response& response) { got = response; });
    EXPECT_FALSE(got) << "answered from within";
    const auto until = std::chrono::seconds(5);
    while (!got && loop.run_one_for(until) != 0) {
    }
    return got.value_or(Response{Outcome::no_line, 0, {}, "the bus has forgotten it"});
  }

  sluice::test::Scratch scratch;
  boost::asio::io_context loop{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> stays = make_work_guard(loop);
  std::unique_ptr<Clock> clock = make_system_clock(loop);
  std::unique_ptr<simulators::ModbusServer> server;
  std::unique_ptr<Bus> bus;
};

INSTANTIATE_TEST_SUITE_P(Wires, RealBus, testing::Values(Wire::tcp, Wire::rtu),
                         [](const auto& info) { return info.param == Wire::tcp ? "tcp" : "rtu"; });

TEST_P(RealBus, ReadsAllTables) {
  serve({.units = {1, 17}});
  const auto holding = ask({.unit = 17, .table = Table::holding, .address = 10, .count = 125});
  ASSERT_EQ(holding.outcome, Outcome::ok) << holding.text;
  ASSERT_EQ(holding.values.size(), 125U);
  EXPECT_EQ(holding.values[124], 134);
  const auto coils = ask({.unit = 1, .table = Table::coil, .address = 0, .count = 10});
  EXPECT_EQ(coils.values, (std::vector<std::uint16_t>{1, 0, 0, 1, 0, 0, 1, 0, 0, 1}));
  EXPECT_EQ(ask({.unit = 1, .table = Table::input, .address = 0, .count = 4}).outcome, Outcome::ok);
  EXPECT_EQ(ask({.unit = 1, .table = Table::discrete, .address = 0, .count = 256}).values.size(), 256U);
  EXPECT_EQ(server->counts().at(1).reads, 3U);
  EXPECT_EQ(server->counts().at(17).values, 125U);
  EXPECT_EQ(bus->opens(), 1U);
}

TEST_P(RealBus, WritesOneAndMany) {
  serve();
  EXPECT_EQ(ask({.address = 5, .values = {77}}).outcome, Outcome::ok);
  EXPECT_EQ(ask({.address = 6, .values = {1, 2, 3}}).outcome, Outcome::ok);
  EXPECT_EQ(ask({.table = Table::coil, .address = 1, .values = {1}}).outcome, Outcome::ok);
  EXPECT_EQ(ask({.table = Table::coil, .address = 2, .values = {1, 0, 1}}).outcome, Outcome::ok);
  EXPECT_EQ(ask({.address = 5, .count = 4}).values, (std::vector<std::uint16_t>{77, 1, 2, 3}));
  EXPECT_EQ(ask({.table = Table::coil, .address = 1, .count = 4}).values,
            (std::vector<std::uint16_t>{1, 1, 0, 1}));
}

TEST_P(RealBus, TellsSilenceFromRefusal) {
  serve({.units = {1, 2, 3}, .silent = {2}, .exceptions = {{3, kBusy}}, .holes = {{1, 50, 59}}});
  const auto silent = ask({.unit = 2});
  EXPECT_EQ(silent.outcome, Outcome::silent);
  EXPECT_EQ(silent.text, "no answer within 150 ms");
  const auto refused = ask({.unit = 1, .address = 45, .count = 10});
  EXPECT_EQ(refused.outcome, Outcome::exception);
  EXPECT_EQ(refused.exception, kIllegalAddress);
  EXPECT_EQ(refused.text, "Illegal data address");
  EXPECT_EQ(ask({.unit = 3}).exception, kBusy);
  EXPECT_EQ(ask({.unit = 1}).outcome, Outcome::ok);
}

TEST_P(RealBus, AnAnswerThatIsLateIsNotTakenForThatToTheNextRequest) {
  serve({.units = {1, 2}, .slow = {{1, std::chrono::milliseconds(200)}}});
  EXPECT_EQ(ask({.unit = 1, .address = 7}).outcome, Outcome::silent);
  const auto other = ask({.unit = 2, .address = 9});
  if (other.outcome == Outcome::ok) EXPECT_EQ(other.values.at(0), 9);
  const auto again = ask({.unit = 2, .address = 9});
  EXPECT_EQ(again.outcome, Outcome::ok) << again.text;
  EXPECT_EQ(again.values.at(0), 9);
}

TEST_P(RealBus, SaysThatALineIsNotThere) {
  serve();
  const auto here = line();
  server.reset();
  loop.poll();
  std::error_code ignored;
  std::filesystem::remove(scratch.path() / "usb-485", ignored);
  bus = make_libmodbus_bus(loop, here);
  const auto gone = ask({});
  EXPECT_EQ(gone.outcome, Outcome::no_line);
  if (GetParam() == Wire::tcp)
    EXPECT_NE(gone.text.find("127.0.0.1:"), std::string::npos) << gone.text;
  else
    EXPECT_EQ(gone.text, (scratch.path() / "usb-485").string() + ": No such file or directory");
}

TEST_P(RealBus, OpensALineAgainThatHasGoneAndComeBack) {
  serve();
  EXPECT_EQ(ask({}).outcome, Outcome::ok);
  if (GetParam() == Wire::rtu) {
    const auto before = server->terminal();
    server->plug(false);
    EXPECT_EQ(ask({}).outcome, Outcome::no_line);
    EXPECT_EQ(ask({}).outcome, Outcome::no_line);
    server->plug(true);
  } else {
    const auto port = server->port();
    server.reset();
    loop.poll();
    EXPECT_EQ(ask({}).outcome, Outcome::no_line);
    serve({}, port);
  }
  EXPECT_EQ(ask({.address = 3}).values, std::vector<std::uint16_t>{3});
  EXPECT_EQ(bus->opens(), 2U);
}

TEST_P(RealBus, ReopensWhenItIsTold) {
  serve();
  EXPECT_EQ(ask({}).outcome, Outcome::ok);
  bus->reopen();
  EXPECT_EQ(ask({}).outcome, Outcome::ok);
  EXPECT_EQ(bus->opens(), 2U);
}

// TCP has its own checksum.
class SerialBus : public RealBus {};
INSTANTIATE_TEST_SUITE_P(Wires, SerialBus, testing::Values(Wire::rtu));

TEST_P(SerialBus, AWrongChecksumIsABrokenAnswer) {
  serve({.bad_crc = 1});
  const auto got = ask({});
  EXPECT_EQ(got.outcome, Outcome::garbled);
  EXPECT_EQ(got.text, "broken answer: Invalid CRC");
}

}  // namespace
}  // namespace sluice::modbus
