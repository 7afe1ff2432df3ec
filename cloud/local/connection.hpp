// One accepted connection, plain or TLS: handshake, bytes to and from the engine, an end that lets the last
// packet arrive. Private to the listener.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>

#include "cloud/local/listener.hpp"

namespace sluice::cloud {

class Accepted : public PeerConnection {
 public:
  virtual void start() = 0;
  virtual void thaw() = 0;
  // The listener goes away: no more callbacks, into the engine neither.
  virtual void abandon() = 0;
};

// `ended` is called once, when the socket is closed.
std::shared_ptr<Accepted> make_connection(boost::asio::ip::tcp::socket socket,
                                          const Listener::Surroundings& around,
                                          std::function<void(Accepted*)> ended);

}  // namespace sluice::cloud
