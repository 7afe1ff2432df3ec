// The bytes of one connection, whatever carries them: TCP, TLS, WebSocket, or both. One read and one write
// may be under way at the same time. Used by fleet/session.cpp only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "core/error.hpp"

namespace sluice::fleet {

struct Url {
  bool tls = false, websocket = false;
  std::string host, port, path = "/mqtt";
  std::string text;
};
// mqtt://host[:port], mqtts://, ws://host[:port][/path], wss://
result<Url> parse_url(const std::string& text);

class Wire {
 public:
  using Code = boost::system::error_code;
  virtual ~Wire() = default;
  virtual boost::asio::awaitable<Code> connect() = 0;
  // Some bytes, appended; an error ends the connection.
  virtual boost::asio::awaitable<Code> read(std::string& into) = 0;
  // All of them; they must stay until it returns.
  virtual boost::asio::awaitable<Code> write(boost::asio::const_buffer bytes) = 0;
  // Ends everything under way with an error.
  virtual void close() = 0;
};

// tls is used for mqtts and wss and must outlive the wire.
std::unique_ptr<Wire> make_wire(boost::asio::io_context& loop, const Url& url,
                                boost::asio::ssl::context& tls);

}  // namespace sluice::fleet
