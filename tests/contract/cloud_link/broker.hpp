// A real mosquitto with mutual TLS on a port of its own, its certificates made for the test. For the contract
// of links.
#pragma once

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core/clock.hpp"
#include "core/cloud_identity.hpp"
#include "tests/support/scratch.hpp"

namespace sluice::test {

// Runs the loop until the condition holds or 20 s are over.
bool run_until(boost::asio::io_context& loop, Clock& clock, const std::function<bool()>& condition);

class Broker {
 public:
  Broker(boost::asio::io_context& loop, Clock& clock, const std::string& extra_config = {});
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  static bool installed();
  void stop();
  void start();
  std::uint16_t port() const { return port_; }
  TlsFiles client() const { return {dir() / "client.pem", dir() / "client.key", dir() / "ca.pem"}; }
  // PEM of a pair signed by an intermediate authority, which the broker does not know by itself.
  TlsIdentity deep(bool with_chain) const;
  std::string text(const char* file) const;
  std::filesystem::path dir() const { return scratch_.path(); }
  // A second authority and a pair signed by it.
  TlsFiles stranger() const {
    return {dir() / "stranger.pem", dir() / "stranger.key", dir() / "other-ca.pem"};
  }

 private:
  boost::asio::io_context& loop_;
  Clock& clock_;
  Scratch scratch_;
  std::uint16_t port_ = 0;
  int pid_ = -1;
};

}  // namespace sluice::test
