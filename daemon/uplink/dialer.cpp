#include "uplink/dialer.hpp"

#include <utility>

namespace sluice::uplink {
namespace {

using boost::asio::ip::tcp;

constexpr Duration kStagger = 250ms;  // RFC 8305, 5: Connection Attempt Delay

}  // namespace

Dialer::Dialer(boost::asio::io_context& loop, Clock& clock, std::vector<tcp::endpoint> endpoints, Done done)
    : loop_(loop), endpoints_(std::move(endpoints)), done_(std::move(done)), stagger_(clock) {}

Dialer::~Dialer() {
  alive_.reset();
  boost::system::error_code ignored;
  for (const auto& socket : sockets_) socket->close(ignored);
}

void Dialer::next() {
  const auto n = sockets_.size();
  if (n == endpoints_.size()) return;
  auto& socket = *sockets_.emplace_back(std::make_unique<tcp::socket>(loop_));
  if (n + 1 < endpoints_.size()) stagger_.start(kStagger, [this] { next(); });
  socket.async_connect(endpoints_[n],
                       [this, n, alive = std::weak_ptr<int>(alive_)](boost::system::error_code ec) {
                         if (!alive.expired()) ended(n, ec);
                       });
}

void Dialer::ended(std::size_t n, boost::system::error_code ec) {
  if (!done_) return;
  if (ec && ++failed_ < endpoints_.size()) {
    // Whoever is next need not wait, unless others are still on their way.
    if (failed_ == sockets_.size()) next();
    return;
  }
  stagger_.cancel();
  const auto done = std::exchange(done_, {});
  done(ec, std::move(*sockets_[n]));  // may be our end
}

}  // namespace sluice::uplink
