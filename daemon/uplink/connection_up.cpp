// A connection that is up: what is told to its owner, the keep-alive, and the end.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "uplink/connection.hpp"

namespace sluice::uplink {
namespace {

constexpr Duration kTimeForGoodbye = 1s;
constexpr Duration kLeastWaitForPingresp = 1s;

}  // namespace

void Connection::tell() {
  const auto self = shared_from_this();
  auto& heard = pool_.heard;
  telling_ = true;
  if (heard.granted) {
    phase_ = Phase::up;
    deadline_.cancel();
    heard.granted->certificate_expires = tls_ ? tls_->expires() : 0;
    const Duration servers = std::chrono::seconds(heard.granted->server_keep_alive);
    keep_alive_ = servers > Duration::zero() ? servers : options_.keep_alive;
    keep_alive();
  }
  // Each of them may close the link; then nothing is told any more.
  if (const auto events = events_.lock()) {
    if (heard.granted && running()) events->connected(*heard.granted);
    if (!heard.suback.empty() && running()) events->subscribed(heard.suback);
    for (auto& message : heard.messages) {
      if (running()) events->message(std::move(message));
    }
    if (!heard.acks.empty() && running()) events->published(heard.acks);
  }
  telling_ = false;
  if (heard.failure) fail(std::move(*heard.failure));
  if (heard.loss) lose(std::move(*heard.loss));
}

// PINGREQ when either direction has been still for three quarters of the keep-alive; the last quarter is for
// the answer, or for anything else that shows the server alive.
void Connection::keep_alive() {
  const auto now = pool_.clock.now();
  const auto rest = std::max(keep_alive_ / 4, kLeastWaitForPingresp);
  if (pinged_ != MonoTime{} && last_received_ > pinged_) pinged_ = {};
  if (pinged_ != MonoTime{} && now >= pinged_ + rest) {
    // On a slow way the answer waits behind what we send; TCP_USER_TIMEOUT ends it should the way be dead.
    if (all_acknowledged_by_tcp())
      return lose({0, "the cloud does not answer PINGREQ: the connection is dead"});
    pinged_ = now;
  }
  auto due = pinged_ + rest;
  if (pinged_ == MonoTime{}) {
    due = std::min(last_sent_, last_received_) + keep_alive_ * 3 / 4;
    if (now >= due) {
      let_go_of_memory();
      session_->ping();
      pinged_ = now;
      due = now + rest;
      flush_soon();
    }
  }
  alive_.start(due - now, [this] { keep_alive(); });
}

// An idle connection keeps no buffers: there may be thousands.
void Connection::let_go_of_memory() {
  if (session_->out().empty()) session_->out() = {};
  if (tls_ && tls_->wire().empty()) tls_->wire() = {};
}

void Connection::publish(const Publication& publication, std::uint64_t token) {
  if (phase_ != Phase::up || session_->state() != ClientSession::State::up) return;
  if (const auto reason = session_->publish(publication, token)) {
    refused_.push_back({token, *reason});
  } else {
    ++gathered_;
  }
  flush_soon();
}

void Connection::subscribe(const std::vector<std::string>& filters) {
  if (phase_ != Phase::up || session_->state() != ClientSession::State::up) return;
  session_->subscribe(filters);
  flush_soon();
}

void Connection::accept(std::uint64_t ack) {
  if (phase_ != Phase::up) return;
  session_->accept(ack);
  flush_soon();
}

void Connection::lose(Loss loss) {
  if (!running()) return;
  const auto self = shared_from_this();
  flush();  // a DISCONNECT that says why
  over();
  if (const auto events = events_.lock()) events->lost(loss);
}

void Connection::leave(std::function<void()> closed) {
  closed_ = std::move(closed);
  if (phase_ != Phase::up) return over();
  session_->disconnect();
  phase_ = Phase::leaving;
  alive_.cancel();
  deadline_.start(kTimeForGoodbye, [this] { too_late(); });
  say_goodbye();
}

// Our side is closed when all of it has left; then the other one closes.
void Connection::say_goodbye() {
  flush();
  if (blocked_) return;
  if (write_failed_) return over();
  if (tls_) {
    tls_->end();
    write_wire(tls_->wire());
  }
  boost::system::error_code ignored;
  socket_->shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
}

void Connection::drop() {
  if (phase_ == Phase::up) {
    session_->disconnect();
    flush();
  }
  over();
}

void Connection::over() {
  if (phase_ == Phase::over) return;
  phase_ = Phase::over;
  deadline_.cancel();
  alive_.cancel();
  later_.cancel();
  dialer_.reset();
  boost::system::error_code ignored;
  if (socket_) socket_->close(ignored);
  if (closed_) boost::asio::post(pool_.loop, std::exchange(closed_, {}));
}

}  // namespace sluice::uplink
