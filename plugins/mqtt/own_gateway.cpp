#include "plugins/mqtt/own_gateway.hpp"

#include <algorithm>

namespace sluice::site {

bool is_own_gateway(const boost::asio::ip::tcp::endpoint& local, const boost::asio::ip::tcp::endpoint& remote,
                    std::span<const adapter::ListenerAddress> listeners) {
  const auto there = remote.address();
  if (!there.is_loopback() && there != local.address()) return false;
  return std::any_of(listeners.begin(), listeners.end(), [&](const adapter::ListenerAddress& listener) {
    if (listener.port != remote.port()) return false;
    boost::system::error_code is_a_name;
    const auto address = boost::asio::ip::make_address(listener.address, is_a_name);
    if (is_a_name || address.is_unspecified()) return true;
    return address == there;
  });
}

}  // namespace sluice::site
