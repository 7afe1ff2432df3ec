// SMP over the console of a serial line. Opens the port, opens it again when it goes (USB devices vanish
// while they reset and come back under the same by-id path), and reads past everything that is not SMP.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "plugins/smp/console_framing.hpp"
#include "plugins/smp/transport.hpp"

namespace sluice::smp {

class SerialTransport : public Transport {
 public:
  virtual const ConsoleReader::Counters& counters() const = 0;
  virtual bool open() const = 0;
};

struct SerialOptions {
  std::string port;
  unsigned baud = 115200;
  Duration reopen = 500ms;
};

std::unique_ptr<SerialTransport> make_serial_transport(boost::asio::io_context& loop, Clock& clock,
                                                       SerialOptions options, Log log);

}  // namespace sluice::smp
