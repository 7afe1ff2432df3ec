// check: the way to the cloud, step by step, as the daemon goes it: name, TCP, TLS with the gateway's
// certificate. Stops before MQTT: a CONNECT with the gateway's client id would throw the running daemon off
// its connection.
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "check_report.hpp"

namespace sluice::ctl {
namespace {

constexpr int kConnectMs = 10'000;
constexpr timeval kHandshake{10, 0}, kVerdict{1, 0};

struct Socket {
  int fd = -1;
  explicit Socket(int number) : fd(number) {}
  ~Socket() {
    if (fd >= 0) ::close(fd);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
};

struct Peer {
  std::string host, port;
};

Peer split(const std::string& endpoint) {
  const auto colon = endpoint.rfind(':');
  // [::1]:8883, host:8883, host, ::1
  if (endpoint.starts_with('[')) {
    const auto end = endpoint.find(']');
    return {endpoint.substr(1, end - 1),
            colon != std::string::npos && colon > end ? endpoint.substr(colon + 1) : "8883"};
  }
  if (colon == std::string::npos || endpoint.find(':') != colon) return {endpoint, "8883"};
  return {endpoint.substr(0, colon), endpoint.substr(colon + 1)};
}

std::string openssl_words() {
  char text[256] = "no reason given";
  if (const auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, text, sizeof(text));
  return text;
}

// 0, or errno.
int connect_within(int fd, const addrinfo& to) {
  if (::connect(fd, to.ai_addr, to.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd waiting{fd, POLLOUT, 0};
  if (::poll(&waiting, 1, kConnectMs) == 0) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

void set_timeout(int fd, const timeval& timeout) {
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

using SslContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

// What is wrong with our own files, or nothing.
std::string load(SSL_CTX* context, const TlsFiles& files) {
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const bool roots = files.ca.empty()
                         ? SSL_CTX_set_default_verify_paths(context) == 1
                         : SSL_CTX_load_verify_locations(context, files.ca.c_str(), nullptr) == 1;
  if (!roots) return fmt::format("cloud.ca {}: {}", files.ca.string(), openssl_words());
  if (!files.certificate.empty() &&
      SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
    return fmt::format("{}: {}", files.certificate.string(), openssl_words());
  }
  if (!files.key.empty() && SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fmt::format("{}: {}", files.key.string(), openssl_words());
  }
  return {};
}

std::string handshake(int fd, const Peer& peer, const TlsFiles& tls, const std::string& alpn,
                      std::string& done) {
  const SslContext context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  if (auto trouble = load(context.get(), tls); !trouble.empty()) return trouble;
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
  SSL_set_tlsext_host_name(ssl.get(), peer.host.c_str());
  // An address is verified against the certificate's IP entries, a name against its names.
  auto* parameters = SSL_get0_param(ssl.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, peer.host.c_str()) != 1)
    SSL_set1_host(ssl.get(), peer.host.c_str());
  if (!alpn.empty()) {
    std::string wire(1, static_cast<char>(alpn.size()));
    wire += alpn;
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  }
  SSL_set_fd(ssl.get(), fd);
  ERR_clear_error();
  if (SSL_connect(ssl.get()) != 1) {
    const auto verdict = SSL_get_verify_result(ssl.get());
    if (verdict != X509_V_OK)
      return fmt::format("its certificate is not trusted: {}", X509_verify_cert_error_string(verdict));
    return openssl_words();
  }
  done = fmt::format("{}, {}", SSL_get_version(ssl.get()), SSL_get_cipher_name(ssl.get()));
  // Without a certificate of ours (the daemon has it sealed) there is nothing to refuse.
  if (tls.certificate.empty()) return {};
  // TLS 1.3 servers refuse a client's certificate only after the handshake: wait a moment for the alert.
  set_timeout(fd, kVerdict);
  char byte = 0;
  const int read = SSL_read(ssl.get(), &byte, 1);
  if (read <= 0 && SSL_get_error(ssl.get(), read) == SSL_ERROR_SSL)
    return "it refuses our certificate: " + openssl_words();
  return {};
}

// Rows `dns` and `tls`, or these names.
void check_way(CheckReport& report, const std::string& dns, const std::string& tls_row, const Peer& peer,
               const TlsFiles& tls, const std::string& alpn) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(peer.host.c_str(), peer.port.c_str(), &hints, &found); error != 0) {
    report.fail(dns, fmt::format("{}: {}: check the name, /etc/resolv.conf and the network", peer.host,
                                 ::gai_strerror(error)));
    return report.skip(tls_row, "needs the address");
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  std::string numbers, tcp_trouble;
  int connected = -1;
  for (const auto* at = found; at != nullptr; at = at->ai_next) {
    char number[NI_MAXHOST] = "?";
    ::getnameinfo(at->ai_addr, at->ai_addrlen, number, sizeof(number), nullptr, 0, NI_NUMERICHOST);
    numbers += fmt::format("{}{}", numbers.empty() ? "" : ", ", number);
    if (connected >= 0) continue;
    const int fd = ::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (const int error = fd < 0 ? errno : connect_within(fd, *at); error != 0) {
      tcp_trouble += fmt::format("{}{}: {}", tcp_trouble.empty() ? "" : "; ", number, std::strerror(error));
      if (fd >= 0) ::close(fd);
    } else {
      connected = fd;
    }
  }
  report.pass(dns, fmt::format("{}: {}", peer.host, numbers));
  if (connected < 0) {
    return report.fail(
        tls_row, fmt::format("no TCP connection to port {}: {}: is outgoing port {} allowed? With ALPN, "
                             "port 443 works too",
                             peer.port, tcp_trouble, peer.port));
  }
  const Socket socket(connected);
  ::fcntl(connected, F_SETFL, 0);
  set_timeout(connected, kHandshake);
  std::string done;
  const auto trouble = handshake(connected, peer, tls, alpn, done);
  if (trouble.empty()) {
    report.pass(tls_row, fmt::format("{}:{}: {}", peer.host, peer.port, done));
  } else {
    report.fail(tls_row, fmt::format("{}:{}: {}", peer.host, peer.port, trouble));
  }
}

}  // namespace

void check_endpoint(CheckReport& report, const Options& options) {
  const auto& cloud = options.cloud;
  if (cloud.endpoint.empty()) {
    for (const auto* name : {"dns", "tls"})
      report.skip(name, "the provisioning service tells the endpoint: see the lanes of sluicectl status");
  } else {
    check_way(report, "dns", "tls", split(cloud.endpoint), cloud.tls, cloud.alpn);
  }
  const auto& provisioning = cloud.provisioning;
  using Method = ProvisioningOptions::Method;
  if (provisioning.method != Method::cvm && provisioning.method != Method::awslabs) return;
  auto host = provisioning.url.substr(std::string_view("https://").size());
  host = host.substr(0, host.find('/'));
  auto peer = split(host);
  if (host.ends_with(']') || host.find(':') == std::string::npos) peer.port = "443";
  check_way(report, "service-dns", "service-tls", peer, {.certificate = {}, .key = {}, .ca = provisioning.ca},
            {});
}

}  // namespace sluice::ctl
