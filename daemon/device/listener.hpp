// One entry of `listen`: the bound socket, its accept loop and, for TLS, the certificate that new connections
// get. Accepts in small batches; when the process runs out of descriptors or memory it waits instead of
// spinning (F6). Loop thread; owned by the device room, and by each link that came in through it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/options.hpp"
#include "device/peer.hpp"
#include "device/tls_context.hpp"

namespace sluice::device {

class Links;
using Descriptor = boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

class Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(boost::asio::io_context& loop, Clock& clock, Log log, Links& links, ListenerOptions options);
  ~Listener();

  // Binds, listens, loads certificates. Errors say which listener, what is wrong, what to do.
  result<void> open();
  // From here on connections come in.
  void start();
  // No new connections; a Unix socket's file goes. Links live on.
  void close();
  // A link has gone or a handshake has ended: room again, if that was what we waited for.
  void room_again();
  // Loads certificate, key and CA again if their files have changed (or `anyway`); keeps the old ones if the
  // new are no good. New connections get the new ones.
  result<void> reload_tls(bool anyway);
  // Takes over what may change without rebinding (anonymous, client certificates, TLS files).
  result<void> change(ListenerOptions options);

  const ListenerOptions& options() const { return options_; }
  // As in the config, or made of kind, address and port.
  std::string name() const;
  // The real one when the config says 0.
  std::uint16_t port() const { return port_; }
  // tcp, tls, ws, wss, unix
  const char* transport() const;
  bool uses_tls() const;
  bool uses_websocket() const;
  const std::shared_ptr<const TlsContext>& tls() const { return tls_; }
  std::string trouble() const;
  bool is_open() const { return descriptor_.is_open(); }
  // Two configs mean the same socket: kind, address, port, path.
  static bool same_place(const ListenerOptions& a, const ListenerOptions& b);

  bool for_adapters = false;  // who comes in here is an adapter, and nobody else is
  std::uint64_t accepted = 0, turned_away = 0, handshakes_failed = 0;
  std::size_t links = 0;  // open now

 private:
  result<int> open_inet();
  result<int> open_unix();
  Error socket_error(const char* doing, int error) const;
  void wait();
  void accept_some();
  void adopt(int fd, const struct sockaddr_storage& from);
  void pause(Duration delay);

  boost::asio::io_context& loop_;
  Clock& clock_;
  Log log_;
  Links& links_;
  ListenerOptions options_;
  Descriptor descriptor_;
  Timer retry_;
  bool waiting_for_room_ = false, told_scarcity_ = false;
  std::uint16_t port_ = 0;
  std::shared_ptr<const TlsContext> tls_;
  std::string reload_trouble_, scarcity_;
};

}  // namespace sluice::device
