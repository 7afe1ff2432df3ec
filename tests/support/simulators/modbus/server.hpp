// A Modbus server over libmodbus: several units, registers that move, on TCP and on a serial line (a pty),
// with faults, and a count of what was asked. Used by the tests and by the quickstart.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "registers.hpp"

struct _modbus;

namespace sluice::simulators {

struct ModbusOptions {
  std::vector<unsigned> units = {1};
  std::optional<std::uint16_t> tcp_port{};    // 0: the kernel chooses
  std::filesystem::path link{};               // the name of the line, as /dev/serial/by-id would give it
  std::set<unsigned> silent{};                // units that do not answer; silence(false) brings them back
  std::map<unsigned, unsigned> exceptions{};  // unit → what it answers to everything
  std::map<unsigned, Duration> slow{};        // unit → how late it answers
  double bad_crc = 0;                         // share of the answers on the line that are broken
  struct Range {
    unsigned unit, first, last;
  };
  std::vector<Range> holes{};      // addresses that a unit does not have
  std::vector<Range> stuck{};      // holding registers that take a write and stay as they are
  std::filesystem::path counts{};  // file for what was asked, as JSON
  std::uint64_t seed = 1;
};

struct ModbusCounts {
  std::uint64_t reads = 0, writes = 0;
  std::uint64_t rounds = 0;      // reads that begin at address 0, where a poller that reads all begins
  std::uint64_t last_round = 0;  // reads from one of these to the next
  std::uint64_t round_began = 0;
  std::uint64_t values = 0;  // registers and bits that were read
};

class ModbusServer {
 public:
  ModbusServer(boost::asio::io_context& loop, Clock& clock, ModbusOptions options);
  ~ModbusServer();
  ModbusServer(const ModbusServer&) = delete;
  ModbusServer& operator=(const ModbusServer&) = delete;

  // Errors: an exception that says what is not there.
  void start();
  std::uint16_t port() const;
  const std::string& terminal() const { return terminal_; }
  // The silent ones are silent, or are not for now.
  void silence(bool on) { silent_now_ = on; }
  // The line is pulled out, or comes back as another device under the same name.
  void plug(bool in);
  const std::map<unsigned, ModbusCounts>& counts() const { return counts_; }
  ModbusRegisters& registers(unsigned unit) { return units_.at(unit); }

 private:
  struct FreeContext {
    void operator()(_modbus* context) const;
  };
  using Context = std::unique_ptr<_modbus, FreeContext>;
  struct Connection;
  struct Asked {
    std::vector<std::uint8_t> query;
    unsigned unit, function, address, count;
    std::size_t head;  // bytes before the function
  };

  void accept();
  void receive(const std::shared_ptr<Connection>& connection);
  void read_line();
  void hear_line();
  void say_line();
  // Whether and how the unit answers; `answered` when it has, or when it never will.
  void handle(_modbus* context, std::span<const std::uint8_t> query, std::function<void()> answered);
  void answer(_modbus* context, const Asked& asked);
  bool in(const std::vector<ModbusOptions::Range>& ranges, const Asked& asked) const;
  void count(const Asked& asked);
  void write_counts();

  boost::asio::io_context& loop_;
  Clock& clock_;
  ModbusOptions options_;
  std::map<unsigned, ModbusRegisters> units_;
  std::map<unsigned, ModbusCounts> counts_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::posix::stream_descriptor line_;
  int spare_ = -1;          // keeps the terminal there while nobody has it open
  int pair_[2] = {-1, -1};  // between libmodbus and the line: [0] is ours
  Context rtu_;
  std::string terminal_, heard_;
  char buffer_[512] = {};
  std::mt19937_64 random_;
  bool silent_now_ = true, line_busy_ = false;
  MonoTime began_;
  Timer counts_timer_;
  std::set<std::shared_ptr<Connection>> connections_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::set<std::shared_ptr<Timer>> late_;
};

}  // namespace sluice::simulators
