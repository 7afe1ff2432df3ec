// What AWS IoT decides behind its MQTT server: who may come in, what each may say and hear, what is logged,
// which events are published. The engine's Host. One loop thread; its own follow-up work runs at the end of
// the turn.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cloud/local/ack_gate.hpp"
#include "cloud/local/client_context.hpp"
#include "cloud/local/faults.hpp"
#include "cloud/local/presence.hpp"
#include "cloud/local/publish_log.hpp"
#include "cloud/local/quotas.hpp"
#include "cloud/local/registry/registry.hpp"
#include "core/log.hpp"

namespace sluice::cloud {

class CloudHost final : public mqtt::Host {
 public:
  struct Reply {
    std::string topic, payload;
    Duration delay = {};
  };
  using Request = std::function<std::optional<Reply>(ClientContext& client, std::string_view payload)>;
  struct Parts {
    Clock& clock;
    Registry& registry;
    Faults& faults;
    PublishLog& log;
    QuotaOptions quotas;
    ArnScope scope;
    Log words;
    std::string log_region;  // in the publish log; empty: there is one region
    // Runs a function once, after the current turn of the loop.
    std::function<void(std::function<void()>)> later;
    // A certificate that may register itself has come for the first time. May be empty.
    std::function<void(const std::string& certificate_pem)> newcomer = {};
    // Topics of AWS's own that are answered to the client alone (fleet provisioning). Empty: not such a
    // topic; the request is run after this turn of the loop. May be empty.
    std::function<Request(std::string_view topic)> requests = {};
  };
  struct ThingCounts {
    std::uint64_t received = 0, bytes = 0;
    WallTime last{};
  };

  explicit CloudHost(Parts parts);
  // The engine is made with its host, so it comes second. Before the first connection.
  void attach(mqtt::Broker& broker);

  // Every few seconds: connections whose certificate is no longer active are closed, changed policies take
  // effect.
  void recheck_identities();

  void authenticate(mqtt::Transport& transport, const mqtt::Connect& connect,
                    mqtt::ConnectReply reply) override;
  void connected(mqtt::Client& client, bool session_present) override;
  void disconnected(mqtt::Client& client, mqtt::DisconnectCause cause, std::string_view detail) override;
  mqtt::PublishVerdict on_publish(mqtt::Client& client, const mqtt::Publish& publish,
                                  bool from_will) override;
  mqtt::SubscribeVerdict may_subscribe(mqtt::Client& client, std::string_view filter,
                                       std::uint8_t qos) override;
  void subscribed(mqtt::Client& client, std::string_view filter) override;
  void unsubscribed(mqtt::Client& client, std::string_view filter) override;
  bool may_receive(mqtt::Client& client, std::string_view topic) override;
  void note(const mqtt::Client* client, mqtt::Reason reason, std::string_view text) override;

  using Contexts = std::map<std::string, std::shared_ptr<ClientContext>, std::less<>>;
  const Contexts& contexts() const { return contexts_; }
  const std::map<std::string, ThingCounts, std::less<>>& counts() const { return counts_; }
  std::uint64_t dropped_by_quota() const { return dropped_by_quota_; }
  std::uint64_t refused_publishes() const { return refused_publishes_; }
  // AWS bills messages by 5 KB begun; Basic Ingest is not billed as messages.
  std::uint64_t metered_units() const { return metered_units_; }
  std::uint64_t pubacks_lost() const { return pubacks_lost_; }

 private:
  bool waits_for_activation(PeerConnection& peer);
  mqtt::ConnectVerdict judge(PeerConnection& peer, const mqtt::Connect& connect);
  bool will_allowed(ClientContext& context, const mqtt::Will& will);
  mqtt::PublishVerdict refuse(ClientContext& context, const mqtt::Publish& publish, mqtt::Reason reason,
                              std::string_view text);
  // Publish rate of the connection; false: this message is dropped without notice.
  bool within_rate(ClientContext& context);
  void record(ClientContext& context, const mqtt::Publish& publish, bool from_will);
  ClientContext* context_of(std::string_view client_id);
  void forget_old();
  void announce(PresenceEvent event);
  void subscription_event(std::string_view client_id, std::string_view filter, bool subscribed);
  void settle_later();
  void settle();

  struct Message {
    std::string topic, payload;
    std::uint8_t qos;
    bool retain;
  };
  struct SubscriptionChange {
    PresenceClient client;
    bool subscribed;
    std::vector<std::string> filters;
  };

  struct Asked {
    std::shared_ptr<ClientContext> client;
    Request request;
    std::string payload;
  };
  void answer(const Asked& asked);
  void deliver(ClientContext& client, const Reply& reply);

  Parts parts_;
  mqtt::Broker* broker_ = nullptr;
  Presence presence_;
  ConnectQuota connects_;
  AckGate gate_;
  Contexts contexts_;  // by client id; a session's last connection stays for its will
  std::map<std::string, ThingCounts, std::less<>> counts_;
  std::vector<PresenceEvent> events_;
  std::vector<SubscriptionChange> subscriptions_;
  std::vector<Message> lost_;  // taken, not acknowledged (fault lose-puback), still to be delivered
  std::vector<Asked> asked_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // late replies may come after we have gone
  bool settling_ = false;
  std::uint64_t dropped_by_quota_ = 0, refused_publishes_ = 0, pubacks_lost_ = 0, metered_units_ = 0;
};

}  // namespace sluice::cloud
