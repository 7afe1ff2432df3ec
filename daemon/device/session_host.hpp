// The broker's Host: judges connects, publishes and subscriptions of devices, and passes readings on to
// ingest. Also the CommandSink: brings commands of the cloud to the device's session, or into the mailbox.
// Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <unordered_map>

#include "core/sinks.hpp"
#include "device/authenticator.hpp"
#include "device/buckets.hpp"
#include "device/client_state.hpp"
#include "device/mailbox.hpp"
#include "mqtt/broker.hpp"

namespace boost::asio {
class io_context;
}

namespace sluice::device {

class Adapters;

struct SessionStats {
  std::uint64_t published = 0;  // passed on to ingest
  std::uint64_t denied_publish = 0, denied_subscribe = 0, denied_receive = 0;
  std::uint64_t withheld = 0;  // no ack: the store could not take it
  std::uint64_t refused_full = 0, refused_by_route = 0, too_large = 0;
};

class SessionHost final : public mqtt::Host, public CommandSink {
 public:
  SessionHost(boost::asio::io_context& loop, Clock& clock, Log log, Directory& directory,
              Authenticator& authenticator, Mailbox& mailbox, store::Store& store, ReadingSink& readings);
  ~SessionHost() override;
  void serve(mqtt::Broker& broker, Adapters& adapters) {
    broker_ = &broker;
    adapters_ = &adapters;
  }

  // mqtt::Host
  void authenticate(mqtt::Transport& transport, const mqtt::Connect& connect,
                    mqtt::ConnectReply reply) override;
  mqtt::ClientBounds bounds_of(const mqtt::Client& client) override;
  void connected(mqtt::Client& client, bool session_present) override;
  void disconnected(mqtt::Client& client, mqtt::DisconnectCause cause, std::string_view detail) override;
  mqtt::PublishVerdict on_publish(mqtt::Client& client, const mqtt::Publish& publish,
                                  bool from_will) override;
  mqtt::SubscribeVerdict may_subscribe(mqtt::Client& client, std::string_view filter,
                                       std::uint8_t qos) override;
  void subscribed(mqtt::Client& client, std::string_view filter) override;
  void unsubscribed(mqtt::Client&, std::string_view) override {}
  bool may_receive(mqtt::Client& client, std::string_view topic) override;
  void note(const mqtt::Client* client, mqtt::Reason reason, std::string_view text) override;

  // A publish of a device that an adapter speaks for; `publish` has the device's own topic. Never withheld:
  // an adapter can be told to try again.
  mqtt::PublishVerdict publish_for(ClientState& state, const mqtt::Publish& publish);

  // CommandSink
  Ticket deliver(const Command& command) override;

  // Closes every connection of the device; its session too if `drop_session`.
  void expel(const Device& device, mqtt::Reason reason, bool drop_session);
  // Rights may have changed: asks again for every connection.
  void recheck_all();
  // The store takes readings again: clients whose acks were withheld must send again, so they are sent off to
  // reconnect.
  void relieved();
  void tick(MonoTime now);
  const SessionStats& stats() const { return stats_; }
  MonoTime now() const { return now_; }

 private:
  void log_in(Wire& wire, std::shared_ptr<Device> device, AuthMethod method, mqtt::ConnectVerdict& verdict);
  mqtt::PublishVerdict take(Device& from, ClientState* state, const mqtt::Publish& publish,
                            mqtt::Version version, bool from_will);
  mqtt::PublishVerdict deny(const DeviceRef& device, std::string_view topic);
  mqtt::PublishVerdict judge(const Offer& offer, mqtt::Version version, std::uint8_t qos, ClientState* state);
  void soon_hand_over(const std::string& device);
  void hand_over(const std::string& device);
  std::size_t send(const Command& command, Ticket& ticket);
  bool may_log(std::string_view key) { return log_limit_.try_take(key, now_); }

  boost::asio::io_context& loop_;
  Clock& clock_;
  Log log_;
  Directory& directory_;
  Authenticator& authenticator_;
  Mailbox& mailbox_;
  store::Store& store_;
  ReadingSink& readings_;
  mqtt::Broker* broker_ = nullptr;
  Adapters* adapters_ = nullptr;
  std::unordered_map<std::string, ClientState*> clients_;  // connected, by client id
  std::set<std::string> hand_over_to_;
  const std::string* delivering_to_ = nullptr;  // a command is being routed
  std::size_t reached_others_ = 0;
  BucketTable log_limit_;
  SessionStats stats_;
  MonoTime now_;  // of the last tick: cheap enough for every packet
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::device
