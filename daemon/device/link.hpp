// One network connection: the socket, and what lies between it and MQTT: nothing, TLS, WebSocket, or both.
//
//   socket ─recv─▶ [TLS] ─▶ [WebSocket] ─▶ Connection::receive        Links' shared buffers, nothing kept
//   socket ◀─send─ wire ◀─ [TLS] ◀─ [WebSocket] ◀─ out                once per turn of the loop
//
// A plain TCP or Unix link sends `out` itself. Loop thread; TLS handshakes take their steps on a worker.
#pragma once

#include <memory>
#include <string>

#include "device/links.hpp"
#include "device/tls_session.hpp"
#include "device/websocket.hpp"
#include "device/wire.hpp"

namespace sluice::device {

class Link final : public Wire, public std::enable_shared_from_this<Link> {
 public:
  Link(Links& links, int fd, std::shared_ptr<Listener> listener, const Peer& peer);
  ~Link() override;

  void start();
  void wake() override;
  std::size_t unsent() const override;
  void close() override;

  // Ends it at once; the broker hears `detail`.
  void lose(std::string_view detail);
  // Sends what it can; called by Links once per turn.
  void flush();
  // A pause has ended.
  void resume();
  // Publishes and bytes per second; 0: none.
  void limit(double publishes, double bytes) override;
  void count_publish() override;
  std::string address() const override { return peer_.text(); }
  const char* transport() const override { return listener_->transport(); }

  const Peer& peer() const { return peer_; }
  const Listener& listener() const { return *listener_; }
  // CN of the verified client certificate; empty: none.
  std::string certificate_name() const;

 private:
  friend class Links;
  enum class Phase : std::uint8_t {
    tls,       // handshake
    upgrade,   // HTTP
    open,      // MQTT
    closing,   // sends its last bytes
    draining,  // has said all; waits for the peer to hang up, so that no reset overtakes the last bytes
    closed
  };
  struct Layers {
    std::unique_ptr<TlsSession> tls;
    std::unique_ptr<WebSocket> ws;
    std::string ws_reply;  // pongs and the like, already framed
    std::string wire;      // made, not sent
    bool step_runs = false;
    bool handshaking = false;  // counted in Links::handshakes_
  };
  struct Rates {
    Bucket publishes, bytes;
    bool limit_publishes = false, limit_bytes = false;
    std::size_t turn = 0;
  };

  void read_when_ready();
  void read_some();
  void go_on_reading();
  void take_wire(std::span<char> bytes);
  void take_plain(std::span<char> bytes);
  void open_mqtt();
  void step_handshake(std::string bytes);
  void stepped(TlsSession::Step step);
  void refuse(std::string_view why);
  void end_handshake();
  void overdue();
  bool in_handshake() const { return phase_ == Phase::tls || phase_ == Phase::upgrade; }
  void drain();
  bool encode();
  bool send_some();
  void all_sent();
  void leave(std::string_view detail);
  void shut();

  Links& links_;
  Descriptor descriptor_;
  std::shared_ptr<Listener> listener_;
  mqtt::Connection* connection_ = nullptr;
  std::unique_ptr<Layers> layers_;
  std::unique_ptr<Rates> rates_;
  std::size_t index_ = 0;  // in Links::links_
  std::size_t sent_ = 0;   // of out, or of layers_->wire
  Peer peer_;
  Phase phase_ = Phase::open;
  enum class Reading : std::uint8_t { idle, waiting, paused, behind } reading_ = Reading::idle;
  bool is_dirty_ = false, write_waits_ = false, was_high_ = false, said_goodbye_ = false;
};

}  // namespace sluice::device
