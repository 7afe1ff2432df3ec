// A Modbus bus as its master sees it: one transaction at a time. Implemented over libmodbus
// (libmodbus_bus.hpp) and by the tests' script; used by Poller.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "plugins/modbus/point.hpp"

namespace sluice::modbus {

// What the specification allows in one transaction.
inline constexpr unsigned kMostReadRegisters = 125, kMostReadBits = 2000, kMostWrittenRegisters = 123;

struct Request {
  std::uint8_t unit = 1;
  Table table = Table::holding;
  std::uint16_t address = 0;
  std::uint16_t count = 1;              // of a read
  std::vector<std::uint16_t> values{};  // of a write; a bit is 0 or 1
  Duration timeout{};                   // for the answer
  bool writes() const { return !values.empty(); }
};

enum class Outcome : std::uint8_t {
  ok,
  exception,  // the unit says no
  silent,     // no answer in time
  garbled,    // an answer, but broken, or of somebody else
  no_line     // nothing was sent: the port or the connection is not there
};

// Of the specification, those that we tell apart.
inline constexpr unsigned kIllegalFunction = 1, kIllegalAddress = 2, kIllegalValue = 3, kBusy = 6,
                          kGatewayPath = 10, kGatewayTarget = 11;

struct Response {
  Outcome outcome = Outcome::ok;
  unsigned exception = 0;
  std::vector<std::uint16_t> values;  // of a read that is ok: as many as were asked for
  std::string text;                   // what was wrong
};

class Bus {
 public:
  virtual ~Bus() = default;
  // `done` is called once, on the loop, after this call has returned. Not while another is under way.
  virtual void ask(const Request& request, std::function<void(const Response&)> done) = 0;
  // The next ask() opens the line anew. Not while one is under way.
  virtual void reopen() = 0;
  // How often the line was opened.
  virtual std::uint64_t opens() const = 0;
};

}  // namespace sluice::modbus
