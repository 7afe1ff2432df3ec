// What goes over the socket: one read and one write a turn, whatever is in them.
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "uplink/connection.hpp"

namespace sluice::uplink {
namespace {

using boost::asio::ip::tcp;

// What waits for the socket at most; one more packet may come on top.
constexpr std::size_t kMostUnsent = 256 * 1024;
constexpr std::size_t kBurst = 32, kPlenty = 32;  // publishes
constexpr Duration kLater = 1ms;
constexpr std::size_t kKeptCapacity = 64 * 1024;  // of an empty buffer, until the connection is idle

void let_go(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptCapacity) buffer = {};
}

}  // namespace

std::size_t Connection::unsent() const {
  return (session_ ? session_->out().size() : 0) +
         (tls_ && phase_ >= Phase::greeting ? tls_->wire().size() : 0);
}

bool Connection::writable() const {
  if (unsent() < kMostUnsent) return true;
  starved_ = true;
  return false;
}

void Connection::wait_to_read() {
  if (reading_ || !socket_ || phase_ == Phase::over) return;
  reading_ = true;
  socket_->async_wait(tcp::socket::wait_read, [self = shared_from_this()](boost::system::error_code ec) {
    self->reading_ = false;
    if (!ec && self->phase_ != Phase::over) self->readable();
  });
}

void Connection::readable() {
  boost::system::error_code ec;
  const auto n = socket_->read_some(boost::asio::buffer(pool_.wire), ec);
  if (ec == boost::asio::error::would_block || ec == boost::asio::error::interrupted) return wait_to_read();
  if (ec) return closed_by_peer(ec == boost::asio::error::eof ? "" : ec.message());
  last_received_ = pool_.clock.now();
  if (phase_ == Phase::securing) return handshake(std::string(pool_.wire.data(), n));
  if (phase_ != Phase::leaving) take({pool_.wire.data(), n});
  if (phase_ == Phase::over) return;
  settle();
  wait_to_read();
}

void Connection::take(std::string_view bytes) {
  pool_.heard.clear();
  auto read = TlsClient::Read::nothing;
  if (!tls_) {
    session_->receive(bytes, pool_.heard);
  } else {
    tls_->feed(bytes);
    for (std::size_t size = 0; (read = tls_->read(pool_.plain, size)) == TlsClient::Read::some;)
      session_->receive({pool_.plain.data(), size}, pool_.heard);
  }
  tell();
  if (!running()) return;
  if (read == TlsClient::Read::ended) return closed_by_peer({});
  if (read != TlsClient::Read::failed) return;
  if (phase_ == Phase::greeting) return fail(tls_->failure());
  lose({0, "the connection is lost: " + tls_->failure().error.text});
}

// ---- writing

void Connection::flush_soon() {
  // While something is told, whoever tells it sends afterwards what has come of it.
  if (telling_ || std::exchange(flush_posted_, true)) return;
  boost::asio::post(pool_.loop, [self = shared_from_this()] {
    self->flush_posted_ = false;
    if (self->running()) self->settle();
  });
}

// After everything that may have left something to send or to tell.
void Connection::settle() {
  const auto self = shared_from_this();
  if (better_later()) {
    if (!later_.pending()) {
      later_.start(kLater, [this] {
        const auto held = shared_from_this();
        flush();
        feed();
      });
    }
  } else {
    flush();
    feed();
  }
  if (refused_.empty() || phase_ != Phase::up) return;
  const auto acks = std::exchange(refused_, {});
  telling_ = true;
  if (const auto events = events_.lock()) events->published(acks);
  telling_ = false;
  if (running()) flush_soon();
}

// As long as the server has plenty to answer, publishes are gathered: it acknowledges one by one, and a write
// for each would cost both sides most of their time.
bool Connection::better_later() const {
  return phase_ == Phase::up && gathered_ > 0 && gathered_ < kBurst &&
         session_->in_flight() >= gathered_ + kPlenty;
}

void Connection::flush() {
  if (blocked_ || write_failed_ || !socket_ || phase_ < Phase::greeting) return;
  auto& out = session_->out();
  if (!tls_) {
    write_wire(out);
  } else {
    // What is encrypted leaves before more is.
    if (!write_wire(tls_->wire()) || out.empty()) return;
    if (!tls_->write(out)) {
      write_failed_ = true;  // reading tells why
      return;
    }
    let_go(out);
    write_wire(tls_->wire());
  }
  gathered_ = 0;
}

// True: all of it has left.
bool Connection::write_wire(std::string& bytes) {
  std::size_t sent = 0;
  boost::system::error_code ec;
  while (sent < bytes.size() && !ec) {
    sent += socket_->write_some(boost::asio::buffer(bytes.data() + sent, bytes.size() - sent), ec);
    if (ec == boost::asio::error::interrupted) ec = {};
  }
  if (sent > 0) last_sent_ = pool_.clock.now();
  if (sent == bytes.size()) {
    let_go(bytes);
    return true;
  }
  bytes.erase(0, sent);
  if (ec != boost::asio::error::would_block) {
    // The server may have said why, and that is still to be read.
    write_failed_ = true;
    return false;
  }
  blocked_ = true;
  socket_->async_wait(tcp::socket::wait_write, [self = shared_from_this()](boost::system::error_code waited) {
    self->blocked_ = false;
    if (waited || self->phase_ == Phase::over) return;
    if (self->phase_ == Phase::securing) {
      self->write_wire(self->tls_->wire());
    } else if (self->phase_ == Phase::leaving) {
      self->say_goodbye();
    } else {
      self->settle();
    }
  });
  return false;
}

void Connection::feed() {
  while (starved_ && phase_ == Phase::up && unsent() <= kMostUnsent / 2) {
    starved_ = false;
    telling_ = true;
    if (const auto events = events_.lock()) events->writable();
    telling_ = false;
    flush();
  }
}

// True: what was sent has reached the other machine, at least.
bool Connection::all_acknowledged_by_tcp() {
  int left = 0;
  return unsent() == 0 && (::ioctl(socket_->native_handle(), SIOCOUTQ, &left) != 0 || left == 0);
}

}  // namespace sluice::uplink
