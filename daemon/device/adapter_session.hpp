// The MQTT half of an adapter: the one connection that its process may open, the devices that it has
// attached, calls and their answers, its health. Made by Adapter for each start of the process; asked by
// SessionHost about everything that comes over the connection. Loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "device/adapter_contract.hpp"
#include "device/attached_device.hpp"
#include "device/buckets.hpp"
#include "device/peer.hpp"
#include "mqtt/broker.hpp"

namespace sluice::device {

class Authenticator;
class Directory;
class SessionHost;

// The parts of the room that an adapter works with.
struct AdapterHouse {
  boost::asio::io_context& loop;
  Clock& clock;
  Log log;
  Directory& directory;
  Authenticator& authenticator;
  SessionHost& host;
  mqtt::Broker* broker = nullptr;
  // Where devices connect, as in the start object: an adapter must not take the gateway for another broker.
  nlohmann::json listeners = nlohmann::json::array();
};

struct AdapterCounts {
  std::uint64_t published = 0, refused = 0, violations = 0, messages = 0, messages_dropped = 0, calls = 0;
};

class AdapterSession : public std::enable_shared_from_this<AdapterSession> {
 public:
  struct Events {
    std::function<void()> ready;                // subscribed, and its first health report is here
    std::function<void(std::string why)> lost;  // its connection has ended; posted
  };
  AdapterSession(const AdapterHouse& house, std::string name, std::string product, std::uint32_t most_devices,
                 Events events);
  ~AdapterSession();

  // From the host, from inside the broker.
  void connected(mqtt::Client& client, Wire& wire);
  void disconnected(std::string_view detail);
  mqtt::PublishVerdict on_publish(const mqtt::Publish& publish);
  bool may_subscribe(std::string_view filter) const;
  void subscribed();
  bool may_receive(std::string_view topic) const;

  using Answered = std::function<void(result<AdapterAnswer>)>;
  // `target` follows the operation in the topic: a device, or more for `write`; empty: the adapter itself.
  void call(std::string_view operation, std::string_view target, std::string_view payload, Duration deadline,
            Answered done);
  // Closes the connection; `lost` follows.
  void cut(std::string_view why);
  // The room goes: nothing may call back from here on.
  void shut();
  void tick(MonoTime now);

  bool is_connected() const { return client_ != nullptr; }
  const HealthReport& health() const { return health_; }
  const AdapterCounts& counts() const { return counts_; }
  nlohmann::json devices() const;
  std::size_t size() const { return attached_.size(); }
  // For the update room: what a device is, null: not attached.
  const AttachRequest* attached(std::string_view device) const;

 private:
  using Attached = std::map<std::string, std::shared_ptr<AttachedDevice>, std::less<>>;
  struct Call {
    std::string operation;
    Answered done;
    MonoTime deadline;
  };
  struct Asker {  // of a request of the adapter
    std::string correlation;
  };

  mqtt::PublishVerdict refuse(mqtt::Reason reason, std::string_view text, const std::string& detail);
  mqtt::PublishVerdict take_attach(const mqtt::Publish& publish);
  mqtt::PublishVerdict take_detach(const mqtt::Publish& publish);
  mqtt::PublishVerdict take_answer(const mqtt::Publish& publish);
  mqtt::PublishVerdict take_health(const mqtt::Publish& publish);
  mqtt::PublishVerdict take_reading(const mqtt::Publish& publish, std::string_view device,
                                    std::string_view topic);
  std::optional<Asker> asker_of(const mqtt::Publish& publish) const;
  void answer(const Asker& asker, const std::string& payload);
  void attach(AttachRequest request, const Asker& asker);
  void judged(AttachRequest request, const Asker& asker, const std::shared_ptr<Device>& found);
  void hold(AttachRequest request, const Asker& asker, std::shared_ptr<Device> device);
  void let_go(Attached::iterator it, std::string_view why);
  // By us: what its adapter had sent before it could hear of it is no breach of the contract.
  bool was_just_detached(std::string_view device) const;
  void remember_detached(const std::string& device);
  void deliver(const std::string& device, const mqtt::Publish& publish, std::uint32_t number);
  void send(const std::string& topic, std::string_view payload, std::string_view correlation,
            std::uint8_t qos, std::string_view user = {}, const mqtt::Publish* like = nullptr);
  void answer_to_message(const std::string& device, std::uint32_t number, const AdapterAnswer& answer);
  void maybe_ready();

  AdapterHouse house_;
  Log log_;
  std::string name_, inbox_, product_;
  std::uint32_t most_devices_;
  Events events_;
  const mqtt::Client* client_ = nullptr;
  Wire* wire_ = nullptr;
  bool subscribed_ = false, reported_ = false, told_ready_ = false, over_ = false;
  HealthReport health_;
  Attached attached_;
  std::map<std::string, MonoTime, std::less<>> just_detached_;  // as many as there may be devices
  std::size_t judging_ = 0;
  std::map<std::uint64_t, Call> calls_;
  std::uint64_t last_call_ = 0;
  Bucket violations_;
  BucketTable log_limit_;
  AdapterCounts counts_;
};

}  // namespace sluice::device
