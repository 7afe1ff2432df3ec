#include "cloud/local/connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <type_traits>
#include <utility>

#include "cloud/local/certificates.hpp"
#include "cloud/local/faults.hpp"

namespace sluice::cloud {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using TlsStream = asio::ssl::stream<tcp::socket>;

constexpr Duration kHandshakeDeadline = std::chrono::seconds(10);
constexpr Duration kFarewell = std::chrono::seconds(1);

template <typename Stream>
class StreamConnection final : public Accepted,
                               public std::enable_shared_from_this<StreamConnection<Stream>> {
  static constexpr bool kTls = std::is_same_v<Stream, TlsStream>;

 public:
  StreamConnection(Stream stream, const Listener::Surroundings& around, std::function<void(Accepted*)> ended)
      : stream_(std::move(stream)),
        around_(around),
        ended_(std::move(ended)),
        bytes_(around.quotas.bytes_per_second, around.quotas.bytes_per_second),
        deadline_(around.clock),
        read_pause_(around.clock),
        write_pause_(around.clock),
        late_pause_(around.clock) {
    error_code ec;
    const auto remote = socket().remote_endpoint(ec);
    peer_.address = ec ? "unknown" : remote.address().to_string();
    socket().set_option(tcp::no_delay(true), ec);
  }

  const PeerFacts& peer() const override { return peer_; }
  std::weak_ptr<PeerConnection> self() override { return this->weak_from_this(); }
  std::string certificate_pem() const override {
    if constexpr (kTls) {
      // native_handle() is not const, asking for the certificate is.
      const X509* certificate = SSL_get0_peer_certificate(const_cast<Stream&>(stream_).native_handle());
      return certificate != nullptr ? to_pem(certificate) : std::string();
    }
    return {};
  }

  void start() override {
    if constexpr (kTls) {
      const auto slow = around_.faults.tls_delay() + around_.latency;
      deadline_.start(kHandshakeDeadline + slow, [this] { end("TLS handshake deadline"); });
      if (slow > Duration::zero()) return read_pause_.start(slow, [this] { handshake(); });
      handshake();
    } else {
      engine_ = &around_.broker.open(*this);
      read();
    }
  }

  void thaw() override {
    if (held_ > 0) deliver(std::exchange(held_, 0));
    flush();
  }

  void abandon() override {
    engine_ = nullptr;
    ended_ = nullptr;
    end("listener closed");
  }

  void wake() override {
    if (std::exchange(flush_posted_, true)) return;
    asio::post(around_.loop, [self = this->shared_from_this()] {
      self->flush_posted_ = false;
      if (self->around_.latency > Duration::zero()) return self->flush_late();
      self->flush();
    });
  }
  std::size_t unsent() const override {
    return out.size() + late_bytes_ + due_.size() + (writing_ ? sending_.size() : 0);
  }

  void close() override {
    engine_ = nullptr;
    closing_ = true;
    arm_farewell();
    wake();
  }

  void drop(std::string why) override {
    asio::post(around_.loop, [self = this->shared_from_this(), why = std::move(why)] {
      error_code ignored;
      self->socket().set_option(tcp::socket::linger(true, 0), ignored);
      self->gone(why);
    });
  }

  void hold_back(Duration wait) override { owed_ = std::max(owed_, wait); }

 private:
  tcp::socket& socket() {
    if constexpr (kTls) {
      return stream_.next_layer();
    } else {
      return stream_;
    }
  }

  void handshake() {
    if constexpr (kTls) {
      stream_.async_handshake(
          asio::ssl::stream_base::server, [self = this->shared_from_this()](error_code ec) {
            if (self->finished_) return;
            if (ec) {
              self->around_.log.info("TLS handshake with {} failed: {}", self->peer_.address, ec.message());
              return self->end("TLS handshake failed");
            }
            self->deadline_.cancel();
            self->read_tls_facts();
            self->engine_ = &self->around_.broker.open(*self);
            self->read();
          });
    }
  }

  void read_tls_facts() {
    if constexpr (kTls) {
      SSL* native = stream_.native_handle();
      if (const X509* certificate = SSL_get0_peer_certificate(native))
        peer_.certificate_id = certificate_id(certificate);
      if (const char* name = SSL_get_servername(native, TLSEXT_NAMETYPE_host_name)) peer_.server_name = name;
      const unsigned char* alpn = nullptr;
      unsigned int size = 0;
      SSL_get0_alpn_selected(native, &alpn, &size);
      if (size > 0) peer_.alpn.assign(reinterpret_cast<const char*>(alpn), size);
      peer_.tls_version = SSL_get_version(native);
    }
  }

  void read() {
    reading_ = true;
    stream_.async_read_some(asio::buffer(buffer_),
                            [self = this->shared_from_this()](error_code ec, std::size_t n) {
                              self->reading_ = false;
                              if (self->finished_) return;
                              if (self->closing_) return self->linger(ec);
                              if (ec) return self->gone(ec.message());
                              if (self->around_.faults.half_open()) {
                                self->held_ = n;
                              } else {
                                self->deliver(n);
                              }
                            });
  }

  void deliver(std::size_t n) {
    if (engine_ == nullptr) return;
    if (around_.quotas.on) hold_back(bytes_.owe(static_cast<double>(n), around_.clock.now()));
    if (!engine_->receive({buffer_.data(), n}) || engine_ == nullptr || finished_) return;
    const auto wait = std::exchange(owed_, Duration::zero());
    if (wait == Duration::zero()) return read();
    read_pause_.start(wait, [this] { read(); });
  }

  // A far region: what is written now leaves later, in order.
  void flush_late() {
    if (finished_) return;
    late_bytes_ += out.size();
    late_.push_back({around_.clock.now() + around_.latency, std::move(out)});
    out.clear();
    if (!late_pause_.pending()) await_late();
  }

  void await_late() {
    late_pause_.start(std::max(late_.front().due - around_.clock.now(), Duration::zero()), [this] {
      while (!late_.empty() && late_.front().due <= around_.clock.now()) {
        late_bytes_ -= late_.front().bytes.size();
        due_ += late_.front().bytes;
        late_.pop_front();
      }
      flush();
      if (!late_.empty() && !finished_) await_late();
    });
  }

  void flush() {
    if (finished_ || writing_ || write_pause_.pending() || around_.faults.half_open()) return;
    if (due_.empty() && around_.latency == Duration::zero()) std::swap(out, due_);
    if (due_.empty()) {
      if (closing_ && late_.empty()) farewell();
      return;
    }
    writing_ = true;
    sending_.clear();
    std::swap(due_, sending_);
    asio::async_write(stream_, asio::buffer(sending_),
                      [self = this->shared_from_this()](error_code ec, std::size_t) { self->written(ec); });
  }

  void written(error_code ec) {
    writing_ = false;
    if (finished_) return;
    if (ec) return closing_ ? end(ec.message()) : gone(ec.message());
    const std::size_t sent = sending_.size();
    const auto wait =
        around_.quotas.on ? bytes_.owe(static_cast<double>(sent), around_.clock.now()) : Duration::zero();
    if (sent > around_.maximum_unsent / 4) sending_.shrink_to_fit();
    sending_.clear();
    if (wait > Duration::zero()) {
      write_pause_.start(wait, [this] { flush(); });
    } else {
      flush();
    }
    if (engine_ != nullptr && sent > around_.maximum_unsent / 2) engine_->writable();
  }

  // Everything is written: tell the peer, and read what it still sends, so that no reset overtakes our last
  // packet.
  void farewell() {
    if (std::exchange(said_farewell_, true)) return;
    if constexpr (kTls) {
      if (SSL_is_init_finished(stream_.native_handle()) != 0) {
        stream_.async_shutdown([self = this->shared_from_this()](error_code) {
          self->goodbye_left_ = true;
          self->linger({});
        });
        return;
      }
    }
    goodbye_left_ = true;
    linger({});
  }

  void linger(error_code ec) {
    if (finished_) return;
    if (ec) return end("closed");
    if (!goodbye_left_) return;  // the read that was under way has ended first
    error_code ignored;
    socket().shutdown(tcp::socket::shutdown_send, ignored);
    if (reading_) return;
    reading_ = true;
    socket().async_read_some(asio::buffer(buffer_),
                             [self = this->shared_from_this()](error_code failed, std::size_t) {
                               self->reading_ = false;
                               self->linger(failed);
                             });
  }

  void arm_farewell() {
    deadline_.start(kFarewell, [this] {
      if (around_.faults.half_open()) return arm_farewell();
      end("farewell deadline");
    });
  }

  void gone(const std::string& why) {
    if (auto* engine = std::exchange(engine_, nullptr)) engine->lost(why);
    end(why);
  }

  void end(const std::string& why) {
    if (std::exchange(finished_, true)) return;
    around_.log.debug("connection from {} ended: {}", peer_.address, why);
    deadline_.cancel();
    read_pause_.cancel();
    write_pause_.cancel();
    late_pause_.cancel();
    error_code ignored;
    socket().close(ignored);
    // The engine or a timer may still be using this object further up the stack.
    if (!ended_) return;
    asio::post(around_.loop, [self = this->shared_from_this()] {
      if (self->ended_) self->ended_(self.get());
    });
  }

  Stream stream_;
  const Listener::Surroundings& around_;
  std::function<void(Accepted*)> ended_;
  PeerFacts peer_;
  mqtt::Connection* engine_ = nullptr;
  std::array<char, 16 * 1024> buffer_;
  std::size_t held_ = 0;  // bytes in buffer_ that wait for the end of half-open
  struct Late {
    MonoTime due;
    std::string bytes;
  };
  std::deque<Late> late_;
  std::size_t late_bytes_ = 0;
  std::string due_, sending_;
  Bucket bytes_;
  Duration owed_{};
  bool reading_ = false, writing_ = false, flush_posted_ = false, closing_ = false, said_farewell_ = false,
       goodbye_left_ = false, finished_ = false;
  Timer deadline_, read_pause_, write_pause_, late_pause_;
};

}  // namespace

std::shared_ptr<Accepted> make_connection(tcp::socket socket, const Listener::Surroundings& around,
                                          std::function<void(Accepted*)> ended) {
  if (around.tls == nullptr) {
    return std::make_shared<StreamConnection<tcp::socket>>(std::move(socket), around, std::move(ended));
  }
  return std::make_shared<StreamConnection<TlsStream>>(TlsStream(std::move(socket), *around.tls), around,
                                                       std::move(ended));
}

}  // namespace sluice::cloud
