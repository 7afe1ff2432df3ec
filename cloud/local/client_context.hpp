// What the cloud knows of one connection: its certificate, its thing, its policies' variables, its rates and
// counts. Made by the host when a CONNECT is admitted; lives until a later connection of the same client id
// replaces it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "cloud/local/listener.hpp"
#include "cloud/local/presence.hpp"
#include "cloud/local/quotas.hpp"
#include "cloud/local/registry/arn.hpp"
#include "cloud/local/registry/registry.hpp"

namespace sluice::cloud {

class ClientContext {
 public:
  ClientContext(const ArnScope& scope, const QuotaOptions& quotas, const PeerFacts& peer,
                const mqtt::Connect& connect);

  // The certificate with its policies, and the thing that is named as the client id (may be null).
  void set_identity(std::shared_ptr<const Principal> principal, std::shared_ptr<const Thing> thing);
  // Engine-assigned ids are known only after CONNACK.
  void set_client_id(std::string_view client_id);

  // action "iot:Publish", kind "topic", name the topic. Answers are remembered until set_identity().
  bool may(std::string_view action, std::string_view kind, std::string_view name);

  const std::shared_ptr<const Thing>& thing() const { return thing_; }
  const Principal& principal() const { return *principal_; }
  // The thing in presence events and in the log: the one that the client is, else the certificate's.
  const std::string& thing_name() const { return presence.thing_name; }

  PresenceClient presence;
  PeerFacts peer;
  std::weak_ptr<PeerConnection> connection;
  Bucket publishes;
  bool mqtt5, online = false, forbidden = false;
  MonoTime ended{};  // when it went offline
  std::uint64_t received = 0, sent = 0, dropped = 0;

 private:
  void set_thing_variables();

  ArnScope scope_;
  std::shared_ptr<const Principal> principal_;
  std::shared_ptr<const Thing> thing_;
  PolicyVariables variables_;
  std::unordered_map<std::string, bool> answers_;
};

}  // namespace sluice::cloud
