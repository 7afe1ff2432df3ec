// The way up: certificate, name, TCP, TLS, CONNECT; and what went wrong on it, in words.
#include "uplink/connection.hpp"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "uplink/connack_words.hpp"
#include "uplink/tls_words.hpp"

namespace sluice::uplink {
namespace {

using boost::asio::ip::tcp;
using Kind = ConnectFailure::Kind;

constexpr unsigned kWorkerThreads = 2;
constexpr std::size_t kMostWaitingSteps = 4096;
constexpr std::size_t kReadAtOnce = 64 * 1024;
constexpr std::size_t kTlsRecord = 16 * 1024;
constexpr Duration kLeastUserTimeout = 10s;

void wipe(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret = {};
}

ConnectFailure too_busy() {
  return {
      Kind::tcp, 0, {errc::full, "too many connections are being made at once; the next try comes later"}};
}

}  // namespace

Pool::Pool(boost::asio::io_context& the_loop, Clock& the_clock, Lookup lookup)
    : loop(the_loop),
      clock(the_clock),
      resolver(the_loop, std::move(lookup)),
      workers(the_loop, kWorkerThreads, kMostWaitingSteps),
      wire(kReadAtOnce),
      plain(kTlsRecord) {}

Connection::Connection(Pool& pool, std::weak_ptr<LinkEvents> events)
    : pool_(pool),
      events_(std::move(events)),
      deadline_(pool.clock),
      alive_(pool.clock),
      later_(pool.clock) {}

void Connection::start(const LinkOptions& options) {
  options_ = options;
  phase_ = Phase::preparing;
  session_.emplace(options_);
  deadline_.start(options_.connect_timeout, [this] { too_late(); });
  const auto self = shared_from_this();
  if (options_.plain) {
    return boost::asio::post(pool_.loop, [self] { self->prepared(nullptr, {}); });
  }
  // What the worker has, and what it makes of it: files are read and keys parsed there.
  struct Job {
    std::shared_ptr<TlsClient> tls;
    ConnectFailure failure;
  };
  const auto job = std::make_shared<Job>();
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(pool_.clock.wall().time_since_epoch()).count();
  const bool taken = pool_.workers.submit(
      [self, job, now] { job->tls = TlsClient::make(self->options_, now, job->failure); },
      [self, job] { self->prepared(std::move(job->tls), std::move(job->failure)); });
  if (!taken) boost::asio::post(pool_.loop, [self] { self->fail(too_busy()); });
}

void Connection::prepared(std::shared_ptr<TlsClient> tls, ConnectFailure failure) {
  if (phase_ != Phase::preparing) return;
  if (!tls && !options_.plain) return fail(std::move(failure));
  tls_ = std::move(tls);
  wipe(options_.tls.key_pem);
  phase_ = Phase::resolving;
  pool_.resolver.resolve(options_.host, options_.port, weak_from_this(),
                         [this](const result<Resolver::Endpoints>& endpoints) { resolved(endpoints); });
}

void Connection::resolved(const result<Resolver::Endpoints>& endpoints) {
  if (phase_ != Phase::resolving) return;
  if (endpoints.has_error()) return fail({Kind::dns, 0, endpoints.error()});
  phase_ = Phase::dialing;
  dialer_ = std::make_unique<Dialer>(
      pool_.loop, pool_.clock, *endpoints,
      [this](boost::system::error_code ec, tcp::socket socket) { dialed(ec, std::move(socket)); });
  dialer_->start();
}

void Connection::dialed(boost::system::error_code ec, tcp::socket socket) {
  const auto self = shared_from_this();
  dialer_.reset();
  if (ec) {
    return fail(
        {Kind::tcp,
         0,
         {errc::unreachable,
          fmt::format("no connection to {}: {}; check that the network and the firewall let port {} out",
                      endpoint_text(options_), ec.message(), options_.port)}});
  }
  socket_.emplace(std::move(socket));
  boost::system::error_code ignored;
  socket_->non_blocking(true, ignored);
  socket_->set_option(tcp::no_delay(true), ignored);
  // Bytes that nobody acknowledges for this long: the way is dead.
  const auto most = std::max(options_.keep_alive, kLeastUserTimeout);
  const auto milliseconds =
      static_cast<unsigned>(std::chrono::duration_cast<std::chrono::milliseconds>(most).count());
  ::setsockopt(socket_->native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
  if (!tls_) return greet();
  phase_ = Phase::securing;
  handshake({});
}

void Connection::handshake(std::string wire) {
  struct Job {
    std::string wire;
    TlsClient::Step step{};
  };
  const auto job = std::make_shared<Job>(Job{std::move(wire)});
  const bool taken = pool_.workers.submit([tls = tls_, job] { job->step = tls->handshake(job->wire); },
                                          [self = shared_from_this(), job] { self->stepped(job->step); });
  if (!taken) fail(too_busy());
}

void Connection::stepped(TlsClient::Step step) {
  if (phase_ != Phase::securing) return;
  write_wire(tls_->wire());
  if (step == TlsClient::Step::failed) return fail(tls_->failure());
  if (step == TlsClient::Step::done) return greet();
  wait_to_read();
}

void Connection::greet() {
  phase_ = Phase::greeting;
  take({});  // what came right behind the handshake
  if (phase_ == Phase::over) return;
  settle();
  wait_to_read();
}

void Connection::too_late() {
  const auto self = shared_from_this();
  const auto late = [this](Kind kind, std::string text) {
    fail({kind, 0, {errc::timeout, std::move(text)}});
  };
  switch (phase_) {
    case Phase::resolving:
      return late(
          Kind::dns,
          fmt::format("the name {} gets no answer in time; is this machine's DNS reachable?", options_.host));
    case Phase::dialing:
      return late(Kind::tcp, fmt::format("no connection to {}: no answer in time; check that the network and "
                                         "the firewall let port {} out",
                                         endpoint_text(options_), options_.port));
    case Phase::securing:
      return late(Kind::tls,
                  fmt::format("{} did not finish the TLS handshake in time", endpoint_text(options_)));
    case Phase::greeting:
      return late(Kind::silent, fmt::format("{} takes the connection but does not answer CONNECT in time",
                                            endpoint_text(options_)));
    case Phase::leaving:
      return over();
    default:
      return late(Kind::tcp, "the connection could not be prepared in time: this machine is too busy");
  }
}

void Connection::closed_by_peer(const std::string& why) {
  switch (phase_) {
    case Phase::securing:
      if (tls_->server_is_known()) return fail(closed_in_handshake(options_));
      return fail(
          {Kind::tls,
           0,
           {errc::tls, fmt::format("{} closes the connection in the TLS handshake{}; is this a TLS port?",
                                   endpoint_text(options_), why.empty() ? "" : ": " + why)}});
    case Phase::greeting:
      return fail(closed_after_connect(options_));
    case Phase::up:
      return lose({0, why.empty() ? "" : "the connection is lost: " + why});
    default:
      return over();
  }
}

void Connection::fail(ConnectFailure failure) {
  if (!running()) return;
  const auto self = shared_from_this();
  over();
  if (const auto events = events_.lock()) events->connect_failed(failure);
}

}  // namespace sluice::uplink
