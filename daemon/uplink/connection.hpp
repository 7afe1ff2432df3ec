// The life of one connection to the cloud: certificate → name → TCP → TLS → CONNECT → MQTT → the end. Bytes
// between a socket, TlsClient and ClientSession; deadlines; what happens is told to a LinkEvents. All on the
// loop, but for the lookup of names and the steps of the TLS handshake. Used by MqttLink.
//
//   preparing ─▶ resolving ─▶ dialing ─▶ securing ─▶ greeting ─▶ up ─▶ leaving ─▶ over
//   (worker)     (thread)                (worker)
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/read_buffer.hpp"
#include "core/workers.hpp"
#include "uplink/client_session.hpp"
#include "uplink/cloud_link.hpp"
#include "uplink/dialer.hpp"
#include "uplink/resolver.hpp"
#include "uplink/tls_client.hpp"

namespace sluice::uplink {

// What all connections share.
struct Pool {
  Pool(boost::asio::io_context& the_loop, Clock& the_clock, Lookup lookup);
  boost::asio::io_context& loop;
  Clock& clock;
  Resolver resolver;
  Workers workers;
  // Scratch: a connection has the loop for itself while it reads.
  ReadBuffer wire, plain;
  Heard heard;
};

class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Pool& pool, std::weak_ptr<LinkEvents> events);

  void start(const LinkOptions& options);
  bool writable() const;
  void publish(const Publication& publication, std::uint64_t token);
  void subscribe(const std::vector<std::string>& filters);
  void accept(std::uint64_t ack);
  // DISCONNECT, and time for it to arrive.
  void leave(std::function<void()> closed);
  // Over at once; DISCONNECT goes if the socket takes it. The pool is not touched afterwards.
  void drop();

 private:
  enum class Phase : std::uint8_t {
    idle,
    preparing,
    resolving,
    dialing,
    securing,
    greeting,
    up,
    leaving,
    over
  };

  // connection.cpp: the way up
  void prepared(std::shared_ptr<TlsClient> tls, ConnectFailure failure);
  void resolved(const result<Resolver::Endpoints>& endpoints);
  void dialed(boost::system::error_code ec, boost::asio::ip::tcp::socket socket);
  void handshake(std::string wire);
  void stepped(TlsClient::Step step);
  void greet();
  void too_late();
  void fail(ConnectFailure failure);
  // connection_bytes.cpp: what goes over the socket
  void wait_to_read();
  void readable();
  void take(std::string_view bytes);
  void closed_by_peer(const std::string& why);
  void flush_soon();
  void flush();
  bool write_wire(std::string& bytes);
  void feed();
  void settle();
  bool better_later() const;
  void say_goodbye();
  // connection_up.cpp: being up and the end
  void tell();
  void keep_alive();
  void let_go_of_memory();
  void lose(Loss loss);
  void over();
  bool all_acknowledged_by_tcp();
  bool running() const { return phase_ > Phase::idle && phase_ < Phase::leaving; }
  std::size_t unsent() const;

  Pool& pool_;
  std::weak_ptr<LinkEvents> events_;
  LinkOptions options_;
  std::optional<ClientSession> session_;
  std::shared_ptr<TlsClient> tls_;  // null: plain, or not yet
  std::unique_ptr<Dialer> dialer_;
  std::optional<boost::asio::ip::tcp::socket> socket_;
  Phase phase_ = Phase::idle;
  Timer deadline_, alive_, later_;
  Duration keep_alive_{};
  MonoTime last_sent_{}, last_received_{}, pinged_{};
  std::size_t gathered_ = 0;  // publishes that wait for the next write
  bool reading_ = false, blocked_ = false, write_failed_ = false;
  bool flush_posted_ = false, telling_ = false;
  mutable bool starved_ = false;  // somebody was told that we take no more
  std::vector<Puback> refused_;   // publishes that are answered here
  std::function<void()> closed_;
};

}  // namespace sluice::uplink
