// A server on 127.0.0.1 that answers as a test says: plain or TLS, whole or cut, now or when it is let go.
// Threads inside, because what is tested blocks.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace sluice::aws::test {

struct Pem {
  std::string certificate, key;
};
// Self-signed for 127.0.0.1 and localhost; its own root. `host`: another name.
Pem make_certificate(const std::string& host = "127.0.0.1");

// One connection as the script sees it.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void send(const std::string& bytes) = 0;
  virtual void close() = 0;
};

class LoopbackServer {
 public:
  using Script = std::function<void(Peer& peer, const std::string& request)>;
  struct Tls {
    Pem own;
    std::string clients_ca;  // not empty: a client certificate is demanded
  };

  explicit LoopbackServer(Script script, std::optional<Tls> tls = {});
  ~LoopbackServer();

  std::string origin() const;  // "http://127.0.0.1:12345"
  std::string authority() const;
  std::vector<std::string> requests() const;
  int connections() const { return connections_; }
  // For scripts: blocks until the test lets go (or ends).
  void wait_until_let_go();
  void let_go();

 private:
  void accept_all();
  void serve(int socket);

  Script script_;
  std::shared_ptr<void> tls_context_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_{0};
  mutable std::mutex mutex_;
  std::condition_variable gone_;
  bool let_go_ = false;
  std::vector<std::string> requests_;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

std::string http_answer(int status, const std::string& body, const std::string& headers = "");

}  // namespace sluice::aws::test
