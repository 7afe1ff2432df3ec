// Where a Modbus bus is: a serial line (RTU) or a TCP peer. Used by the configuration and by the bus.
#pragma once

#include <string>
#include <variant>

namespace sluice::modbus {

struct SerialLine {
  std::string path;
  int baud = 19'200;
  int data_bits = 8, stop_bits = 1;
  char parity = 'E';   // N, E, O
  bool rs485 = false;  // the driver switches the direction
};

struct TcpPeer {
  std::string host;
  int port = 502;
};

using LineSettings = std::variant<SerialLine, TcpPeer>;

}  // namespace sluice::modbus
