#include "uplink/tls_check.hpp"

#include <arpa/inet.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace sluice::uplink {
namespace {

using Kind = ConnectFailure::Kind;

template <typename T, void (*free_fn)(T*)>
struct Freed {
  void operator()(T* p) const { free_fn(p); }
};
using X509Ptr = std::unique_ptr<X509, Freed<X509, X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freed<SSL, SSL_free>>;
using FilePtr = std::unique_ptr<FILE, decltype([](FILE* f) { std::fclose(f); })>;

ConnectFailure failure(Kind kind, std::string text) {
  const auto code = kind == Kind::dns || kind == Kind::tcp ? errc::unreachable : errc::tls;
  return {kind, 0, {code, std::move(text)}};
}

std::string date(std::int64_t seconds) {
  const auto t = static_cast<std::time_t>(seconds);
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(t));
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm tm{};
  return ASN1_TIME_to_tm(time, &tm) == 1 ? static_cast<std::int64_t>(::timegm(&tm)) : 0;
}

std::string last_tls_error() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no details" : reason;
}

std::string endpoint(const LinkOptions& options) { return fmt::format("{}:{}", options.host, options.port); }

std::optional<ConnectFailure> open_failure(const char* what, const std::filesystem::path& path) {
  return failure(
      Kind::own_certificate,
      fmt::format("the {} {} cannot be read: {}; put the file there or make it readable for the service's "
                  "user, it is looked at again before each try",
                  what, path.string(), std::strerror(errno)));
}

struct Addresses {
  addrinfo* list = nullptr;
  Addresses() = default;
  Addresses(const Addresses&) = delete;
  Addresses& operator=(const Addresses&) = delete;
  ~Addresses() {
    if (list != nullptr) ::freeaddrinfo(list);
  }
};

std::optional<ConnectFailure> resolve(const LinkOptions& options, Addresses& out) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  const int rc = ::getaddrinfo(options.host.c_str(), std::to_string(options.port).c_str(), &hints, &out.list);
  if (rc == 0) return std::nullopt;
  return failure(Kind::dns,
                 fmt::format("the name {} does not resolve: {}; check cloud.endpoint and this machine's DNS",
                             options.host, rc == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(rc)));
}

struct Socket {
  int fd = -1;
  Socket() = default;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { close(); }
  void close() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

class Deadline {
 public:
  Deadline(Clock& clock, Duration timeout) : clock_(clock), end_(clock.now() + timeout) {}
  // False: the time is over.
  bool wait(int fd, short events) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end_ - clock_.now()).count();
    pollfd p{fd, events, 0};
    return left > 0 && ::poll(&p, 1, static_cast<int>(left)) > 0;
  }

 private:
  Clock& clock_;
  MonoTime end_;
};

std::optional<ConnectFailure> connect_tcp(const LinkOptions& options, const Deadline& deadline, Socket& out) {
  Addresses addresses;
  if (auto problem = resolve(options, addresses)) return problem;
  std::string why = "no address";
  for (const auto* a = addresses.list; a != nullptr; a = a->ai_next) {
    out.close();
    out.fd = ::socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (out.fd < 0) continue;
    if (::connect(out.fd, a->ai_addr, a->ai_addrlen) == 0) return std::nullopt;
    int error = errno;
    if (error == EINPROGRESS) {
      if (!deadline.wait(out.fd, POLLOUT)) {
        why = "no answer in time";
        continue;
      }
      socklen_t size = sizeof error;
      ::getsockopt(out.fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error == 0) return std::nullopt;
    }
    why = std::strerror(error);
  }
  return failure(
      Kind::tcp,
      fmt::format("no connection to {}: {}; check that the network and the firewall let port {} out",
                  endpoint(options), why, options.port));
}

ConnectFailure verify_failure(const LinkOptions& options, SSL* ssl, long verdict) {
  std::string since;
  if (const X509Ptr peer{SSL_get1_peer_certificate(ssl)}) {
    if (verdict == X509_V_ERR_CERT_HAS_EXPIRED) {
      since = fmt::format(" (since {})", date(seconds_of(X509_get0_notAfter(peer.get()))));
    } else if (verdict == X509_V_ERR_CERT_NOT_YET_VALID) {
      since = fmt::format(" (valid from {})", date(seconds_of(X509_get0_notBefore(peer.get()))));
    }
  }
  std::string advice = "is cloud.endpoint the right one?";
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      advice = "is this machine's clock right?";
      break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      advice = fmt::format("the certificate is not for {}; is cloud.endpoint the right one?", options.host);
      break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      advice = fmt::format("its authority is not in {}; AWS's is AmazonRootCA1.pem, or a proxy is in between",
                           options.tls.ca.empty() ? "the system's list" : options.tls.ca.string());
      break;
    default:
      break;
  }
  return failure(Kind::peer, fmt::format("the certificate of {} is not trusted: {}{}; {}", endpoint(options),
                                         X509_verify_cert_error_string(verdict), since, advice));
}

ContextPtr make_context(const LinkOptions& options) {
  ContextPtr context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  if (options.tls.ca.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else {
    SSL_CTX_load_verify_locations(context.get(), options.tls.ca.c_str(), nullptr);
  }
  if (!options.tls.certificate.empty()) {
    SSL_CTX_use_certificate_chain_file(context.get(), options.tls.certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context.get(), options.tls.key.c_str(), SSL_FILETYPE_PEM);
  }
  return context;
}

// Runs an OpenSSL call on the non-blocking socket until it ends or the time is over: its last result.
template <typename Call>
int complete(SSL* ssl, int fd, const Deadline& deadline, Call call, bool& timed_out) {
  for (;;) {
    ERR_clear_error();
    const int rc = call();
    const int error = SSL_get_error(ssl, rc);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return rc;
    if (!deadline.wait(fd, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT)) {
      timed_out = true;
      return rc;
    }
  }
}

}  // namespace

std::optional<ConnectFailure> own_files_problem(const LinkOptions& options, std::int64_t now_s,
                                                std::int64_t& expires) {
  expires = 0;
  if (options.plain) return std::nullopt;
  const auto& tls = options.tls;
  if (!tls.ca.empty() && ::access(tls.ca.c_str(), R_OK) != 0)
    return open_failure("list of authorities", tls.ca);
  if (tls.certificate.empty() && tls.key.empty()) return std::nullopt;  // the server will say what it wants

  const FilePtr certificate_file(std::fopen(tls.certificate.c_str(), "re"));
  if (!certificate_file) return open_failure("certificate", tls.certificate);
  const X509Ptr certificate(PEM_read_X509(certificate_file.get(), nullptr, nullptr, nullptr));
  if (!certificate) {
    return failure(Kind::own_certificate,
                   fmt::format("{} is not a PEM certificate ({}); put the device certificate there",
                               tls.certificate.string(), last_tls_error()));
  }
  const FilePtr key_file(std::fopen(tls.key.c_str(), "re"));
  if (!key_file) return open_failure("private key", tls.key);
  // A key with a passphrase must not ask on the terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return 0; };
  const KeyPtr key(PEM_read_PrivateKey(key_file.get(), nullptr, no_passphrase, nullptr));
  if (!key) {
    return failure(Kind::own_certificate, fmt::format("{} is not a PEM private key without passphrase ({})",
                                                      tls.key.string(), last_tls_error()));
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return failure(Kind::own_certificate,
                   fmt::format("the private key {} does not belong to the certificate {}; put a "
                               "matching pair there",
                               tls.key.string(), tls.certificate.string()));
  }
  expires = seconds_of(X509_get0_notAfter(certificate.get()));
  if (now_s >= expires) {
    return failure(Kind::own_certificate,
                   fmt::format("the certificate {} has expired on {}; renew it, the new file is "
                               "used at the next try",
                               tls.certificate.string(), date(expires)));
  }
  if (const auto from = seconds_of(X509_get0_notBefore(certificate.get())); now_s < from) {
    return failure(
        Kind::own_certificate,
        fmt::format(
            "the certificate {} is not yet valid, it begins on {} and this machine's clock says {}; is "
            "the clock right?",
            tls.certificate.string(), date(from), date(now_s)));
  }
  return std::nullopt;
}

std::optional<ConnectFailure> name_problem(const LinkOptions& options) {
  Addresses addresses;
  return resolve(options, addresses);
}

std::optional<ConnectFailure> way_problem(const LinkOptions& options, Clock& clock, Duration timeout) {
  const Deadline deadline(clock, timeout);
  Socket socket;
  if (auto problem = connect_tcp(options, deadline, socket)) return problem;
  if (options.plain) return std::nullopt;

  const auto context = make_context(options);
  const SslPtr ssl(SSL_new(context.get()));
  in6_addr ignored{};
  if (::inet_pton(AF_INET, options.host.c_str(), &ignored) == 1 ||
      ::inet_pton(AF_INET6, options.host.c_str(), &ignored) == 1) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), options.host.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl.get(), options.host.c_str());
    SSL_set1_host(ssl.get(), options.host.c_str());
  }
  if (!options.alpn.empty()) {
    const auto wire = static_cast<char>(options.alpn.size()) + options.alpn;
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  }
  SSL_set_fd(ssl.get(), socket.fd);
  bool timed_out = false;
  const int rc = complete(ssl.get(), socket.fd, deadline, [&] { return SSL_connect(ssl.get()); }, timed_out);
  if (rc != 1) {
    const long verdict = SSL_get_verify_result(ssl.get());
    if (verdict != X509_V_OK) return verify_failure(options, ssl.get(), verdict);
    if (timed_out)
      return failure(Kind::tls,
                     fmt::format("{} did not finish the TLS handshake in time", endpoint(options)));
    return failure(Kind::tls, fmt::format("TLS handshake with {} failed: {}; is this a TLS port?",
                                          endpoint(options), last_tls_error()));
  }
  // With TLS 1.3 the server judges our certificate after our side is done: its alert is the first thing to
  // read.
  char byte = 0;
  bool silent = false;
  const Deadline soon(clock, std::min<Duration>(timeout, 2s));
  const int got = complete(ssl.get(), socket.fd, soon, [&] { return SSL_read(ssl.get(), &byte, 1); }, silent);
  if (got <= 0 && !silent && ERR_peek_last_error() != 0) {
    return failure(
        Kind::tls,
        fmt::format("{} refuses our certificate: {}; is it registered and active in this account and "
                    "region?",
                    endpoint(options), last_tls_error()));
  }
  return std::nullopt;
}

}  // namespace sluice::uplink
