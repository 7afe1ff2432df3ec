#include "tests/unit/aws/loopback_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "aws/http_sigpipe.hpp"

namespace sluice::aws::test {
namespace {

template <typename Write>
std::string pem_text(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  write(bio);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

void extend(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::shared_ptr<void> make_context(const LoopbackServer::Tls& tls) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  BIO* bio = BIO_new_mem_buf(tls.own.certificate.data(), static_cast<int>(tls.own.certificate.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  SSL_CTX_use_certificate(context, certificate);
  X509_free(certificate);
  bio = BIO_new_mem_buf(tls.own.key.data(), static_cast<int>(tls.own.key.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  SSL_CTX_use_PrivateKey(context, key);
  EVP_PKEY_free(key);
  if (!tls.clients_ca.empty()) {
    bio = BIO_new_mem_buf(tls.clients_ca.data(), static_cast<int>(tls.clients_ca.size()));
    certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate);
    X509_free(certificate);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return {context, [](void* c) { SSL_CTX_free(static_cast<SSL_CTX*>(c)); }};
}

class SocketPeer : public Peer {
 public:
  SocketPeer(int socket, SSL* ssl) : socket_(socket), ssl_(ssl) {}
  void send(const std::string& bytes) override {
    if (ssl_ != nullptr) {
      SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
      return;
    }
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const auto n = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
  }
  void close() override {
    closed_ = true;
    ::shutdown(socket_, SHUT_RDWR);
  }
  bool closed() const { return closed_; }

  // One whole request; empty: the client has gone.
  std::string receive() {
    while (true) {
      const auto head = buffer_.find("\r\n\r\n");
      if (head != std::string::npos) {
        std::size_t length = 0;
        const auto field = buffer_.find("Content-Length: ");
        if (field != std::string::npos && field < head) {
          length = std::strtoul(buffer_.c_str() + field + 16, nullptr, 10);
        }
        const auto whole = head + 4 + length;
        if (buffer_.size() >= whole) {
          auto request = buffer_.substr(0, whole);
          buffer_.erase(0, whole);
          return request;
        }
      }
      char piece[4096];
      const auto n = ssl_ != nullptr ? SSL_read(ssl_, piece, sizeof piece)
                                     : static_cast<int>(::recv(socket_, piece, sizeof piece, 0));
      if (n <= 0) return {};
      buffer_.append(piece, static_cast<std::size_t>(n));
    }
  }

 private:
  int socket_;
  SSL* ssl_;
  bool closed_ = false;
  std::string buffer_;
};

}  // namespace

Pem make_certificate(const std::string& host) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), std::hash<std::string>{}(host));
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(host.data()),
                             static_cast<int>(host.size()), -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
  extend(certificate, NID_subject_alt_name,
         host == "127.0.0.1" ? "IP:127.0.0.1,DNS:localhost" : "DNS:" + host);
  X509_sign(certificate, key, EVP_sha256());
  Pem pem{pem_text([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); }), pem_text([&](BIO* bio) {
            PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
          })};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return pem;
}

LoopbackServer::LoopbackServer(Script script, std::optional<Tls> tls) : script_(std::move(script)) {
  if (tls) tls_context_ = make_context(*tls);
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

LoopbackServer::~LoopbackServer() {
  let_go();
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    const std::scoped_lock lock(mutex_);
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  for (auto& thread : threads_) thread.join();
  for (const int socket : sockets_) ::close(socket);
}

std::string LoopbackServer::authority() const { return "127.0.0.1:" + std::to_string(port_); }
std::string LoopbackServer::origin() const { return (tls_context_ ? "https://" : "http://") + authority(); }

std::vector<std::string> LoopbackServer::requests() const {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

void LoopbackServer::wait_until_let_go() {
  std::unique_lock lock(mutex_);
  gone_.wait(lock, [this] { return let_go_; });
}

void LoopbackServer::let_go() {
  {
    const std::scoped_lock lock(mutex_);
    let_go_ = true;
  }
  gone_.notify_all();
}

void LoopbackServer::accept_all() {
  while (true) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    ++connections_;
    const std::scoped_lock lock(mutex_);
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket] { serve(socket); });
  }
}

void LoopbackServer::serve(int socket) {
  const NoSigpipe guard;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl(nullptr, SSL_free);
  if (tls_context_) {
    ssl.reset(SSL_new(static_cast<SSL_CTX*>(tls_context_.get())));
    SSL_set_fd(ssl.get(), socket);
    if (SSL_accept(ssl.get()) != 1) {
      ERR_clear_error();
      ::shutdown(socket, SHUT_RDWR);
      return;
    }
  }
  SocketPeer peer(socket, ssl.get());
  while (!peer.closed()) {
    const auto request = peer.receive();
    if (request.empty()) break;
    {
      const std::scoped_lock lock(mutex_);
      requests_.push_back(request);
    }
    script_(peer, request);
  }
  ::shutdown(socket, SHUT_RDWR);
}

std::string http_answer(int status, const std::string& body, const std::string& headers) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + headers + "\r\n" + body;
}

}  // namespace sluice::aws::test
