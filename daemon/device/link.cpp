#include "device/link.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "device/client_state.hpp"

namespace sluice::device {
namespace {

constexpr std::size_t kKeptCapacity = 2048;        // of an idle link's buffer: ten thousand of them wait
constexpr std::size_t kCompactAfter = 256 * 1024;  // bytes sent at the front of a buffer that does not empty

}  // namespace

Link::Link(Links& links, int fd, std::shared_ptr<Listener> listener, const Peer& peer)
    : links_(links), descriptor_(links.loop_, fd), listener_(std::move(listener)), peer_(peer) {}

Link::~Link() = default;

void Link::start() {
  ++listener_->links;
  if (listener_->uses_tls() || listener_->uses_websocket()) layers_ = std::make_unique<Layers>();
  if (listener_->uses_websocket()) {
    layers_->ws = std::make_unique<WebSocket>(listener_->options().path, !listener_->options().anonymous);
    phase_ = Phase::upgrade;
  }
  if (listener_->uses_tls()) {
    layers_->tls = TlsSession::make(listener_->tls(), links_.clock_);
    if (!layers_->tls) return shut();
    phase_ = Phase::tls;
    layers_->handshaking = true;
    ++links_.handshakes_;
  }
  if (phase_ == Phase::open) {
    open_mqtt();
  } else {
    links_.handshaking_.emplace_back(links_.clock_.now(), weak_from_this());
  }
  go_on_reading();
}

void Link::open_mqtt() {
  phase_ = Phase::open;
  connection_ = &links_.broker_->open(*this);
}

std::string Link::certificate_name() const {
  return layers_ && layers_->tls ? layers_->tls->peer_name() : std::string();
}

// ---- reading

void Link::go_on_reading() {
  if (reading_ != Reading::idle || phase_ == Phase::closed) return;
  if (phase_ == Phase::tls && layers_->step_runs) return;
  if (phase_ == Phase::open) {
    if (connection_ == nullptr) return;
    if (unsent() > links_.limits_.unsent) {  // strictly: the broker then counts it as stalled
      reading_ = Reading::behind;
      return;
    }
    if (links_.pressure_()) {
      reading_ = Reading::paused;
      return links_.pause(*this);
    }
    if (rates_) {
      const auto now = links_.clock_.now();
      auto wait = Duration::zero();
      if (rates_->limit_publishes) wait = std::max(wait, rates_->publishes.wait(now));
      if (rates_->limit_bytes) wait = std::max(wait, rates_->bytes.wait(now));
      if (wait > Duration::zero()) {
        reading_ = Reading::paused;
        return links_.resume_at(now + wait, *this);
      }
    }
  }
  read_when_ready();
}

void Link::read_when_ready() {
  reading_ = Reading::waiting;
  descriptor_.async_wait(Descriptor::wait_read, [self = shared_from_this()](boost::system::error_code ec) {
    self->reading_ = Reading::idle;
    if (!ec) self->read_some();
  });
}

void Link::resume() {
  if (reading_ != Reading::paused) return;
  reading_ = Reading::idle;
  go_on_reading();
}

void Link::read_some() {
  if (phase_ == Phase::closed) return;
  if (phase_ == Phase::closing || phase_ == Phase::draining) return drain();
  auto& buffer = links_.wire_;
  const auto room = rates_ ? rates_->turn : buffer.size();
  const auto n = ::recv(descriptor_.native_handle(), buffer.data(), room, MSG_DONTWAIT);
  if (n == 0) return lose("the peer closed the connection");
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return go_on_reading();
    return lose(std::generic_category().message(errno));
  }
  const auto size = static_cast<std::size_t>(n);
  if (rates_ && rates_->limit_bytes) rates_->bytes.take(static_cast<double>(size));
  take_wire({buffer.data(), size});
  go_on_reading();
}

void Link::take_wire(std::span<char> bytes) {
  if (phase_ == Phase::tls) return step_handshake({bytes.data(), bytes.size()});
  if (!layers_ || !layers_->tls) return take_plain(bytes);
  auto& tls = *layers_->tls;
  tls.feed({bytes.data(), bytes.size()});
  while (in_handshake() || (phase_ == Phase::open && connection_ != nullptr)) {
    std::size_t size = 0;
    const auto read = tls.read(links_.plain_, size);
    if (read == TlsSession::Read::some) {
      take_plain({links_.plain_.data(), size});
      continue;
    }
    if (read == TlsSession::Read::ended) leave("the peer closed the TLS connection");
    if (read == TlsSession::Read::failed) leave(tls.error());
    break;
  }
  tls.feed({});
  wake();  // for answers of TLS itself (KeyUpdate)
}

void Link::take_plain(std::span<char> bytes) {
  if (!layers_ || !layers_->ws) {
    if (connection_ != nullptr) connection_->receive({bytes.data(), bytes.size()});
    return;
  }
  auto& ws = *layers_->ws;
  const auto payload = [this](std::string_view part) {
    if (phase_ == Phase::upgrade) open_mqtt();
    return connection_ != nullptr && connection_->receive(part);
  };
  const bool goes_on = ws.receive(bytes, payload, layers_->ws_reply);
  if (!layers_->ws_reply.empty()) wake();
  if (!goes_on) {
    if (phase_ == Phase::upgrade) return refuse(ws.error());
    return leave(ws.error().empty() ? "the peer closed the WebSocket" : ws.error());
  }
  if (phase_ == Phase::upgrade && ws.is_open()) open_mqtt();
}

// ---- the handshake

void Link::step_handshake(std::string bytes) {
  struct Job {
    std::string bytes;
    TlsSession::Step step = TlsSession::Step::failed;
  };
  auto job = std::make_shared<Job>(Job{std::move(bytes)});
  auto self = shared_from_this();
  layers_->step_runs = true;
  const bool taken =
      links_.workers_->submit([self, job] { job->step = self->layers_->tls->handshake(job->bytes); },
                              [self, job] { self->stepped(job->step); });
  if (taken) return;
  layers_->step_runs = false;
  lose("too many TLS handshakes");
}

void Link::stepped(TlsSession::Step step) {
  layers_->step_runs = false;
  if (phase_ != Phase::tls) return wake();
  layers_->tls->take(layers_->wire);
  wake();
  if (step == TlsSession::Step::failed) return refuse("TLS: " + layers_->tls->error());
  if (step == TlsSession::Step::done) {
    end_handshake();
    phase_ = Phase::upgrade;
    if (!layers_->ws) open_mqtt();
    take_wire({});  // what came right behind the handshake
  }
  go_on_reading();
}

void Link::end_handshake() {
  if (!layers_ || !layers_->handshaking) return;
  layers_->handshaking = false;
  --links_.handshakes_;
  listener_->room_again();
}

void Link::refuse(std::string_view why) {
  ++listener_->handshakes_failed;
  links_.handshake_failed(*this, why);
  end_handshake();
  leave(why);
}

void Link::overdue() {
  ++listener_->handshakes_failed;
  links_.handshake_failed(*this, "no TLS or WebSocket handshake in time");
  shut();
}

// ---- writing

void Link::wake() {
  if (is_dirty_ || phase_ == Phase::closed) return;
  is_dirty_ = true;
  links_.dirty(*this);
}

std::size_t Link::unsent() const {
  if (!layers_) return out.size() - sent_;
  return out.size() + layers_->ws_reply.size() + layers_->wire.size() - sent_;
}

bool Link::encode() {
  if (!layers_ || layers_->step_runs) return true;
  auto& l = *layers_;
  const bool goodbye = phase_ == Phase::closing && !said_goodbye_;
  if (l.ws && !out.empty()) {
    WebSocket::frame(out, l.ws_reply);
    out = {};
  }
  if (l.ws && goodbye) l.ws->close(1000, l.ws_reply);
  auto& plain = l.ws ? l.ws_reply : out;
  if (l.tls) {
    if (!plain.empty() && !l.tls->write(plain)) return false;
    if (goodbye) l.tls->end();
    l.tls->take(l.wire);
    plain = {};
  } else if (l.wire.empty()) {
    l.wire.swap(plain);
  } else {
    l.wire.append(plain);
    plain = {};
  }
  said_goodbye_ = said_goodbye_ || goodbye;
  return true;
}

void Link::flush() {
  is_dirty_ = false;
  if (phase_ == Phase::closed || write_waits_) return;
  if (unsent() >= links_.limits_.unsent / 2) was_high_ = true;
  if (!encode()) return lose(layers_->tls->error());
  if (!send_some()) return;
  if (was_high_ && unsent() < links_.limits_.unsent / 2) {
    was_high_ = false;
    if (connection_ != nullptr) connection_->writable();
    if (reading_ == Reading::behind) {
      reading_ = Reading::idle;
      go_on_reading();
    }
  }
  if (phase_ == Phase::closing && unsent() == 0 && !(layers_ && layers_->step_runs)) all_sent();
}

// False: the link has gone.
bool Link::send_some() {
  auto& bytes = layers_ ? layers_->wire : out;
  while (sent_ < bytes.size()) {
    const auto n = ::send(descriptor_.native_handle(), bytes.data() + sent_, bytes.size() - sent_,
                          MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      sent_ += static_cast<std::size_t>(n);
      continue;
    }
    // Nothing sent of at least one byte is an error in all but name.
    const int error = n < 0 ? errno : EPIPE;
    if (error == EINTR) continue;
    if (error != EAGAIN) {
      lose(std::generic_category().message(error));
      return false;
    }
    write_waits_ = true;
    if (sent_ >= kCompactAfter) {
      bytes.erase(0, sent_);
      sent_ = 0;
    }
    descriptor_.async_wait(Descriptor::wait_write, [self = shared_from_this()](boost::system::error_code ec) {
      self->write_waits_ = false;
      if (!ec) self->flush();
    });
    return true;
  }
  sent_ = 0;
  if (bytes.capacity() > kKeptCapacity) {
    bytes = {};
  } else {
    bytes.clear();
  }
  return true;
}

// ---- the end

void Link::close() {
  if (phase_ == Phase::closed || phase_ == Phase::closing || phase_ == Phase::draining) return;
  connection_ = nullptr;
  phase_ = Phase::closing;
  links_.linger(*this);
  wake();
}

// The peer's doing: the broker hears of it, what is to be said is still sent.
void Link::leave(std::string_view detail) {
  auto* connection = std::exchange(connection_, nullptr);
  const auto self = shared_from_this();
  const std::string why(detail);
  close();
  if (connection != nullptr) connection->lost(why);
}

void Link::lose(std::string_view detail) {
  auto* connection = std::exchange(connection_, nullptr);
  const auto self = shared_from_this();
  const std::string why(detail);
  shut();
  if (connection != nullptr) connection->lost(why);
}

void Link::all_sent() {
  phase_ = Phase::draining;
  ::shutdown(descriptor_.native_handle(), SHUT_WR);
  if (reading_ != Reading::waiting) reading_ = Reading::idle;
  go_on_reading();
}

void Link::drain() {
  auto& buffer = links_.wire_;
  const auto n = ::recv(descriptor_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return read_when_ready();
  if (phase_ == Phase::draining || n < 0) shut();
}

void Link::shut() {
  if (phase_ == Phase::closed) return;
  const auto self = shared_from_this();
  end_handshake();
  phase_ = Phase::closed;
  boost::system::error_code ignored;
  descriptor_.close(ignored);
  --listener_->links;
  links_.remove(*this);
}

// ---- limits

void Link::limit(double publishes, double bytes) {
  if (publishes <= 0 && bytes <= 0) {
    rates_.reset();
    return;
  }
  const auto now = links_.clock_.now();
  rates_ = std::make_unique<Rates>();
  rates_->limit_publishes = publishes > 0;
  rates_->limit_bytes = bytes > 0;
  rates_->publishes = Bucket(publishes, std::max(publishes, 1.0), now);
  rates_->bytes = Bucket(bytes, std::max(bytes, 1.0), now);
  // Small reads under a limit: what has been read can no longer be held back, so it is the debt that one turn
  // can make.
  double turn = static_cast<double>(links_.limits_.read_turn);
  if (publishes > 0) turn = std::min(turn, publishes * 64);
  if (bytes > 0) turn = std::min(turn, bytes / 4);
  rates_->turn = static_cast<std::size_t>(std::max(turn, 256.0));
}

void Link::count_publish() {
  if (rates_ && rates_->limit_publishes) rates_->publishes.take(1);
}

}  // namespace sluice::device
