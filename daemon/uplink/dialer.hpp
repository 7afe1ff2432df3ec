// A TCP connection to the first of several addresses that answers: they are tried one after the other,
// without waiting long for a silent one (RFC 8305). Used by Connection; loop thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "core/clock.hpp"

namespace sluice::uplink {

class Dialer {
 public:
  // The socket is open where there is no error.
  using Done = std::function<void(boost::system::error_code, boost::asio::ip::tcp::socket)>;

  Dialer(boost::asio::io_context& loop, Clock& clock, std::vector<boost::asio::ip::tcp::endpoint> endpoints,
         Done done);
  // `done` does not come any more.
  ~Dialer();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  // Not from inside `done`.
  void start() { next(); }

 private:
  void next();
  void ended(std::size_t n, boost::system::error_code ec);

  boost::asio::io_context& loop_;
  std::vector<boost::asio::ip::tcp::endpoint> endpoints_;
  Done done_;
  std::vector<std::unique_ptr<boost::asio::ip::tcp::socket>> sockets_;
  std::size_t failed_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  Timer stagger_;
};

}  // namespace sluice::uplink
