// SMP over UDP: one message a datagram. It has no security of its own; for devices on a network that nobody
// else is on.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "core/error.hpp"
#include "core/log.hpp"
#include "plugins/smp/transport.hpp"

namespace sluice::smp {

constexpr std::uint16_t kUdpPort = 1337;

// The address is numeric: a device on such a network has no name that could be trusted. Error: it is none.
// The network may come and go, and the host's own address change.
result<std::unique_ptr<Transport>> make_udp_transport(boost::asio::io_context& loop,
                                                      const std::string& address, std::uint16_t port,
                                                      Log log);

}  // namespace sluice::smp
