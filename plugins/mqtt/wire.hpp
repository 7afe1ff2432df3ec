// One connection's bytes to and from the site's broker, over TCP or TLS: name lookup, connect, handshake,
// then what is read and written. Used by SiteLink; loop thread.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace sluice::site {

// Files; all may be empty.
struct TlsFiles {
  std::string ca, certificate, key;
};
// Verifies the broker against `ca`, or the system's list. Errors say which file is wrong.
result<std::shared_ptr<boost::asio::ssl::context>> make_tls(const TlsFiles& files);

class Wire : public std::enable_shared_from_this<Wire> {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;
  struct Events {
    // TCP is there; true goes on, false ends it without a word.
    std::function<bool(const Endpoint& local, const Endpoint& remote)> reached;
    std::function<void()> open;
    std::function<void(std::string_view bytes)> bytes;
    std::function<void()> written;  // of what was given to write()
    std::function<void(const std::string& why)> closed;
  };
  // `tls` null: plain TCP.
  Wire(boost::asio::io_context& loop, std::shared_ptr<boost::asio::ssl::context> tls, Events events);

  void connect(const std::string& host, std::uint16_t port);
  // One at a time; `bytes` are taken.
  void write(std::string bytes);
  bool is_writing() const { return !writing_.empty(); }
  // While paused nothing is read: TCP tells the broker.
  void pause(bool paused);
  // No event comes after it.
  void close();

 private:
  using Plain = boost::asio::ip::tcp::socket;
  Plain& socket() { return stream_.next_layer(); }
  void reached(const boost::system::error_code& ec);
  void opened();
  void read();
  void read_done(const boost::system::error_code& ec, std::size_t size);
  void fail(const std::string& what, const boost::system::error_code& ec);

  std::shared_ptr<boost::asio::ssl::context> tls_;
  boost::asio::ssl::context unused_{boost::asio::ssl::context::tls_client};  // of a stream that stays plain
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ssl::stream<Plain> stream_;
  Events events_;
  std::string host_, writing_;
  std::array<char, 65536> bytes_{};
  bool over_ = false, paused_ = false, reading_ = false, open_ = false;
};

}  // namespace sluice::site
