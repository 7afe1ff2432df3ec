// Whether a connection has ended at a listener of the gateway itself: its readings would go round for ever.
// Pure.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <span>

#include "plugins/sdk/run.hpp"

namespace sluice::site {

// `local`, `remote`: the two ends of our connection. Equal addresses, or the loopback, mean this machine.
bool is_own_gateway(const boost::asio::ip::tcp::endpoint& local, const boost::asio::ip::tcp::endpoint& remote,
                    std::span<const adapter::ListenerAddress> listeners);

}  // namespace sluice::site
