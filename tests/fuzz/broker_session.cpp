// Several clients send what the input says, whole packets and rubbish, to one broker, while time passes,
// commits come and go, and the process is killed and restarted from its journal. Whatever happens: no crash,
// bounded memory, and no PUBACK or PUBREC before its message is committed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/broker.hpp"
#include "mqtt/codec.hpp"

namespace {

using namespace sluice::mqtt;

constexpr std::size_t kClients = 4;

void require(bool ok) {
  if (!ok) std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::string_view bytes(std::size_t size) {
    const std::string_view taken = rest_.substr(0, std::min(size, rest_.size()));
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

class Disk final : public Journal {
 public:
  void put(Space space, std::string_view key, std::string_view value) override {
    open_.emplace_back(std::pair(space, std::string(key)), std::string(value));
  }
  void erase(Space space, std::string_view key) override {
    open_.emplace_back(std::pair(space, std::string(key)), std::nullopt);
  }
  Ticket ticket() const override { return last_ + 1; }
  Ticket commit() {
    for (auto& [key, value] : open_) {
      if (value) {
        disk[key] = *value;
      } else {
        disk.erase(key);
      }
    }
    open_.clear();
    return ++last_;
  }
  void kill() { open_.clear(); }
  std::map<std::pair<Space, std::string>, std::string> disk;

 private:
  std::vector<std::pair<std::pair<Space, std::string>, std::optional<std::string>>> open_;
  Ticket last_ = 0;
};

struct Wire final : Transport {
  void wake() override {}
  std::size_t unsent() const override { return stuck ? out.size() + 100'000 : out.size(); }
  void close() override { closed = true; }
  bool closed = false, stuck = false;
};

class World final : public Host {
 public:
  World() { start(); }

  void start() {
    BrokerOptions options;
    options.maximum_queued_bytes_total = 64 * 1024;
    options.maximum_queued_messages = 50;
    options.maximum_retained_bytes = 64 * 1024;
    options.maximum_packet_size = 16 * 1024;
    options.maximum_unsent = 32 * 1024;
    options.receive_maximum = 10;
    options.maximum_subscriptions = 20;
    broker = make_broker(options, *this, disk);
    const auto records = disk.disk;
    for (const auto& [key, value] : records) broker->restore(key.first, key.second, value);
    broker->restored(now);
    broker->committed(committed);
  }
  void kill() {
    disk.kill();
    for (auto& client : clients) client = {};
    replies.clear();
    start();
  }

  void authenticate(Transport&, const Connect&, ConnectReply reply) override {
    if (later) {
      replies.push_back(std::move(reply));
    } else {
      reply({});
    }
  }
  void connected(Client&, bool) override {}
  void disconnected(Client& client, DisconnectCause, std::string_view) override {
    last_gone = client.client_id;
  }
  PublishVerdict on_publish(Client& client, const Publish& publish, bool from_will) override {
    PublishVerdict verdict;
    if (!from_will && publish.qos > 0 && speaking < kClients) {
      verdict.ticket = disk.ticket();
      // A client that uses an id twice before its ack gets the first message's ack first.
      clients[speaking].owed.emplace(publish.packet_id, verdict.ticket);
    }
    if (publish.payload == "KILL")
      broker->disconnect(client.client_id, Reason::administrative_action, publish.retain);
    if (publish.payload == "ECHO") {
      Publish echo = publish;
      echo.payload = "echo";
      broker->publish(echo, nullptr);
    }
    if (publish.payload == "NO") verdict.reason = Reason::not_authorized;
    return verdict;
  }
  SubscribeVerdict may_subscribe(Client&, std::string_view, std::uint8_t) override { return {}; }
  void subscribed(Client&, std::string_view) override {}
  void unsubscribed(Client&, std::string_view) override {}
  bool may_receive(Client& client, std::string_view topic) override {
    if (topic == "evil") broker->disconnect(client.client_id, Reason::administrative_action, true);
    return true;
  }
  void note(const Client*, Reason, std::string_view) override {}

  struct Remote {
    std::shared_ptr<Wire> wire;
    Connection* connection = nullptr;
    std::map<std::uint16_t, Ticket> owed;
    std::size_t seen = 0;  // of the wire's output, while that is stuck
    Version version = Version::v5;
  };
  void send(std::size_t who, std::string_view bytes) {
    Remote& client = clients[who];
    if (!client.connection || client.wire->closed) {
      client = {};
      client.wire = std::make_shared<Wire>();
      wires.push_back(client.wire);  // outlives the connection
      client.connection = &broker->open(*client.wire);
    }
    speaking = who;
    client.connection->receive(bytes);
    speaking = kClients;
    check(client);
  }
  // Reads what the client was sent.
  void check(Remote& client) {
    if (!client.wire) return;
    std::string_view rest = std::string_view(client.wire->out).substr(client.seen);
    FixedHeader header;
    while (!rest.empty()) {
      require(read_fixed_header(rest, header) == HeaderStatus::complete && rest.size() >= header.total());
      const bool ack = header.type() == PacketType::puback || header.type() == PacketType::pubrec;
      if (ack) {
        const auto id = static_cast<std::uint16_t>(static_cast<unsigned char>(rest[2]) << 8 |
                                                   static_cast<unsigned char>(rest[3]));
        if (const auto it = client.owed.find(id); it != client.owed.end()) {
          require(it->second <= committed);
          client.owed.erase(it);
        }
      }
      rest.remove_prefix(header.total());
    }
    if (!client.wire->stuck) client.wire->out.clear();
    client.seen = client.wire->out.size();
    require(client.wire->out.size() < 1024 * 1024);
  }

  Disk disk;
  std::unique_ptr<Broker> broker;
  Remote clients[kClients];
  std::vector<std::shared_ptr<Wire>> wires;
  std::vector<ConnectReply> replies;
  std::string last_gone;
  std::size_t speaking = kClients;
  Milliseconds now = 1'000'000;
  Ticket committed = 0;
  bool later = false;
};

std::string packet(Input& in, World::Remote& client) {
  static constexpr std::string_view kTopics[] = {"a", "a/b", "evil", "$SYS/x", "c"};
  static constexpr std::string_view kFilters[] = {"#",    "a/+", "+",          "$share/g/a",
                                                  "evil", "a",   "$share/g/#", "c"};
  static constexpr std::string_view kPayloads[] = {"x",    "",   "KILL",
                                                   "ECHO", "NO", "a longer payload than the others"};
  static constexpr std::string_view kIds[] = {"one", "two", "three", ""};
  std::string out;
  const std::uint8_t what = in.byte();
  const std::uint8_t how = in.byte();
  const auto id = static_cast<std::uint16_t>(how % 5 + 1);
  switch (what % 10) {
    case 0: {
      Connect connect;
      connect.version = client.version = (how & 1) != 0 ? Version::v311 : Version::v5;
      connect.client_id = kIds[how >> 1 & 3];
      connect.clean_start = (how & 8) != 0;
      connect.keep_alive = how & 0x10 ? 1 : 0;
      if ((how & 0x20) != 0) {
        connect.will.emplace();
        connect.will->topic = "a";
        connect.will->payload = "will";
        connect.will->qos = how % 3;
        connect.will->delay = how & 1;
      }
      if (client.version == Version::v5) {
        if ((how & 0x40) != 0) connect.session_expiry = 5;
        if ((how & 0x80) != 0) {
          connect.receive_maximum = 1;
          connect.topic_alias_maximum = 2;
          connect.maximum_packet_size = 60;
        }
      }
      encode(connect, out);
      break;
    }
    case 1:
    case 2:
    case 3: {
      Publish publish;
      publish.topic = kTopics[how % 5];
      publish.payload = kPayloads[in.byte() % 6];
      publish.qos = static_cast<std::uint8_t>((how >> 3) % 3);
      publish.packet_id = id;
      publish.retain = (how & 0x40) != 0;
      if ((how & 0x80) != 0) publish.properties.message_expiry = 1;
      if ((how & 0x20) != 0) publish.properties.topic_alias = 1;
      encode(publish, client.version, out);
      break;
    }
    case 4: {
      Subscribe subscribe;
      subscribe.packet_id = id;
      subscribe.entries.push_back({kFilters[how & 7], static_cast<std::uint8_t>((how >> 3) % 3), false,
                                   (how & 0x80) != 0, static_cast<std::uint8_t>((how >> 5) % 3)});
      if ((how & 0x40) != 0) subscribe.subscription_identifier = 3;
      encode(subscribe, client.version, out);
      break;
    }
    case 5: {
      Unsubscribe unsubscribe;
      unsubscribe.packet_id = id;
      unsubscribe.filters.push_back(kFilters[how & 7]);
      encode(unsubscribe, client.version, out);
      break;
    }
    case 6:
    case 7:
      encode_ack(static_cast<PacketType>(4 + (how >> 4) % 4), id, out);
      break;
    case 8: {
      Disconnect disconnect;
      if ((how & 1) != 0) disconnect.reason = Reason::disconnect_with_will;
      encode(disconnect, client.version, out);
      break;
    }
    default:
      out = in.bytes(how % 40);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, std::min<std::size_t>(size, 4096));
  World world;
  while (!in.empty()) {
    const std::uint8_t op = in.byte();
    const std::size_t who = op & 3;
    World::Remote& client = world.clients[who];
    switch (op >> 2 & 15) {
      case 0:
        world.now += 700;
        world.broker->tick(world.now);
        break;
      case 1:
        world.committed = world.disk.commit();
        world.broker->committed(world.committed);
        break;
      case 2:
        if (client.connection && !client.wire->closed) {
          client.connection->lost("gone");
          client.wire->closed = true;
        }
        break;
      case 3:
        world.later = !world.later;
        break;
      case 4:
        if (!world.replies.empty()) {
          const ConnectReply reply = std::move(world.replies.back());
          world.replies.pop_back();
          reply({});
        }
        break;
      case 5:
        if (client.wire && !client.wire->closed) {
          client.wire->stuck = !client.wire->stuck;
          if (!client.wire->stuck) client.connection->writable();
        }
        break;
      case 6:
        if ((op & 0xc0) == 0xc0) world.kill();
        break;
      case 7:
        world.broker->recheck("one");
        break;
      default:
        world.send(who, packet(in, client));
    }
    for (World::Remote& each : world.clients) world.check(each);
    const BrokerStats stats = world.broker->stats();
    require(stats.queued_bytes <= 64 * 1024 && stats.retained_bytes <= 64 * 1024);
    require(stats.connections <= kClients);
  }
  // When all have gone and all sessions are over, nothing is left but retained messages.
  world.broker->shut_down();
  world.now += Milliseconds{8} * 24 * 3600 * 1000;
  world.broker->tick(world.now);
  world.committed = world.disk.commit();
  world.broker->committed(world.committed);
  const BrokerStats stats = world.broker->stats();
  require(stats.sessions == 0 && stats.subscriptions == 0 && stats.queued_messages == 0 &&
          stats.queued_bytes == 0);
  for (const auto& [key, value] : world.disk.disk) require(key.first == Journal::Space::retained);
  return 0;
}
