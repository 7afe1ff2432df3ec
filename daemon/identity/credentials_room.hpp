// Temporary AWS credentials for programs on the gateway, without keys on its disk: any AWS SDK or CLI that is
// given
//   AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9911/credentials  and
//   AWS_CONTAINER_AUTHORIZATION_TOKEN=...
// gets the role of the gateway (or of a device) from AWS IoT's credentials provider through us. Made and
// wired by app; on the loop thread.
//
//   SDK ─ GET, token ─▶ credentials_http ─▶ tokens: who? ─▶ cache ─▶ fetcher (threads) ─ mutual TLS ─▶ AWS
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "identity/credentials_source.hpp"
#include "store/registry.hpp"

namespace sluice::identity {

inline constexpr store::Space kCredentialsSpace = 19;

struct CredentialsOptions {
  std::string listen;      // "127.0.0.1:9911"; empty: nobody is answered
  std::string role_alias;  // of all identities; empty: the one that came with the certificate
  std::string endpoint;    // of the provider, host[:port], for identities that came with none
  bool operator==(const CredentialsOptions&) const = default;
};

class Credentials {
 public:
  virtual ~Credentials() = default;

  // Reads the clients, and listens if it is to. The second may fail (io, invalid_argument) and the gateway
  // runs on.
  virtual result<void> start() = 0;
  // Listens where the new options say, or no more.
  virtual result<void> reload(const CredentialsOptions& options) = 0;
  virtual void stop() = 0;
  // This identity's certificate, role or endpoint is another now, or it is gone.
  virtual void forget(const std::string& identity) = 0;

  // For the console, each answer as it goes out.
  // {"name", "identity", "token", "uri"}: the token is told only here.
  virtual void issue(const std::string& name, const std::string& identity,
                     std::function<void(result<nlohmann::json>)> done) = 0;
  virtual void revoke(const std::string& name, std::function<void(result<void>)> done) = 0;
  // {"uri", "listening", "clients": [{"name", "identity", "issued_ms", "used_ms"}], "cached": [{"identity",
  //  "expires_ms", "error"}], "served", "refused", "turned_away"}
  virtual nlohmann::json status() const = 0;
};

// What is given by reference must outlive it. `fetcher` empty: the real one.
std::unique_ptr<Credentials> make_credentials(CredentialsOptions options, boost::asio::io_context& loop,
                                              Clock& clock, store::Registry& registry,
                                              CredentialsSourceOf source_of, Log log,
                                              std::unique_ptr<CredentialsFetcher> fetcher = {});

}  // namespace sluice::identity
