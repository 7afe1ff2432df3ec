#include "plugins/mqtt/wire.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace sluice::site {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

Error bad_file(const char* key, const std::string& path, const error_code& ec) {
  return {errc::tls, fmt::format("{}: {}: {}", key, path, ec.message())};
}

// Whom the certificate must be for.
bool name_the_host(SSL* ssl, const std::string& host) {
  error_code is_a_name;
  asio::ip::make_address(host, is_a_name);
  if (!is_a_name) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set_tlsext_host_name(ssl, host.c_str()) == 1 && SSL_set1_host(ssl, host.c_str()) == 1;
}

}  // namespace

result<std::shared_ptr<ssl::context>> make_tls(const TlsFiles& files) {
  auto tls = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
  tls->set_verify_mode(ssl::verify_peer);
  error_code ec;
  if (files.ca.empty()) {
    tls->set_default_verify_paths(ec);
  } else {
    tls->load_verify_file(files.ca, ec);
  }
  if (ec) return bad_file("ca", files.ca, ec);
  if (files.certificate.empty() != files.key.empty())
    return Error{errc::invalid_argument, "certificate, key: give both, or none"};
  if (files.certificate.empty()) return tls;
  tls->use_certificate_chain_file(files.certificate, ec);
  if (ec) return bad_file("certificate", files.certificate, ec);
  tls->use_private_key_file(files.key, ssl::context::pem, ec);
  if (ec) return bad_file("key", files.key, ec);
  return tls;
}

Wire::Wire(asio::io_context& loop, std::shared_ptr<ssl::context> tls, Events events)
    : tls_(std::move(tls)),
      resolver_(loop),
      stream_(loop, tls_ ? *tls_ : unused_),
      events_(std::move(events)) {}

void Wire::close() {
  over_ = true;
  error_code ignored;
  resolver_.cancel();
  socket().close(ignored);
}

void Wire::fail(const std::string& what, const error_code& ec) {
  if (over_) return;
  close();
  events_.closed(ec ? fmt::format("{}: {}", what, ec.message()) : what);
}

void Wire::connect(const std::string& host, std::uint16_t port) {
  host_ = host;
  resolver_.async_resolve(host, std::to_string(port), asio::ip::resolver_base::numeric_service,
                          [self = shared_from_this()](const error_code& ec, const auto& endpoints) {
                            if (self->over_) return;
                            if (ec)
                              return self->fail(fmt::format("the name {} is not known", self->host_), ec);
                            asio::async_connect(
                                self->socket(), endpoints,
                                [self](const error_code& failed, const Endpoint&) { self->reached(failed); });
                          });
}

void Wire::reached(const error_code& ec) {
  if (over_) return;
  if (ec) return fail("it does not answer", ec);
  error_code ignored, gone;
  socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  const auto local = socket().local_endpoint(gone), remote = socket().remote_endpoint(ignored);
  if (gone || ignored) return fail("it hung up", gone ? gone : ignored);
  if (!events_.reached(local, remote)) return close();
  if (!tls_) return opened();
  if (!name_the_host(stream_.native_handle(), host_)) return fail("TLS cannot be set up", {});
  stream_.async_handshake(ssl::stream_base::client, [self = shared_from_this()](const error_code& failed) {
    if (self->over_) return;
    if (!failed) return self->opened();
    const long verdict = SSL_get_verify_result(self->stream_.native_handle());
    if (verdict == X509_V_OK) return self->fail("the TLS handshake failed; is this a TLS port?", failed);
    const bool other_name =
        verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH;
    self->fail(other_name ? fmt::format("its certificate is not for the name {}", self->host_)
                          : fmt::format("its certificate is not trusted: {}; is `ca` the right one?",
                                        X509_verify_cert_error_string(verdict)),
               {});
  });
}

void Wire::opened() {
  open_ = true;
  events_.open();
  read();
}

void Wire::read() {
  if (over_ || paused_ || reading_ || !open_) return;
  reading_ = true;
  auto done = [self = shared_from_this()](const error_code& ec, std::size_t size) {
    self->read_done(ec, size);
  };
  if (tls_) {
    stream_.async_read_some(asio::buffer(bytes_), std::move(done));
  } else {
    socket().async_read_some(asio::buffer(bytes_), std::move(done));
  }
}

void Wire::read_done(const error_code& ec, std::size_t size) {
  reading_ = false;
  if (over_) return;
  if (ec == asio::error::eof || ec == ssl::error::stream_truncated) return fail("it hung up", {});
  if (ec) return fail("the connection was lost", ec);
  events_.bytes({bytes_.data(), size});
  read();
}

void Wire::pause(bool paused) {
  paused_ = paused;
  read();
}

void Wire::write(std::string bytes) {
  if (over_ || bytes.empty()) return;
  writing_ = std::move(bytes);
  auto done = [self = shared_from_this()](const error_code& ec, std::size_t) {
    self->writing_.clear();
    if (self->over_) return;
    if (ec) return self->fail("the connection was lost", ec);
    self->events_.written();
  };
  if (tls_) {
    asio::async_write(stream_, asio::buffer(writing_), std::move(done));
  } else {
    asio::async_write(socket(), asio::buffer(writing_), std::move(done));
  }
}

}  // namespace sluice::site
