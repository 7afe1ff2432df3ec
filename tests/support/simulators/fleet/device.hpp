// One simulated device: numbers its readings, keeps each until it is acknowledged, and sends again after a
// reconnect. Lives as long as the fleet; its connections (Session) come and go.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "core/backoff.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "fleet/acked_log.hpp"
#include "fleet/wire.hpp"
#include "mqtt/packet.hpp"

namespace sluice::fleet {

struct Statistics {
  std::uint64_t produced = 0, acked = 0, refused = 0, sent_again = 0, held_back = 0;
  std::uint64_t connects = 0, failures = 0;
  std::string last_failure;
  // PUBACK after PUBLISH, in microseconds; the latest kMostSamples.
  static constexpr std::size_t kMostSamples = 200'000;
  std::vector<std::uint32_t> ack_us;
  void add_sample(Duration wait);
};

struct FleetOptions {
  std::vector<Url> urls;
  std::size_t devices = 10;
  double rate = 10;  // readings per second, of the whole fleet
  std::string prefix = "dev-", topic = "d/{device}/temp";
  std::map<std::string, std::string> tokens;  // by device
  mqtt::Version version = mqtt::Version::v5;
  std::uint8_t qos = 1;
  std::uint16_t window = 64;      // unacknowledged readings of a device
  std::size_t payload_bytes = 0;  // at least; 0: as it comes
  bool verify = true;
  std::string ca;
  std::uint64_t seconds = 0;  // 0: until stopped
};

// What all devices share.
struct Fleet {
  boost::asio::io_context& loop;
  Clock& clock;
  boost::asio::ssl::context& tls;
  const FleetOptions& options;
  AckedLog& acked;
  Log log;
  Statistics statistics{};
  bool stopping = false;
};

class Session;

class Device {
 public:
  Device(Fleet& fleet, std::size_t number);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  void start();
  // A reading is due; false if the window is full or there is no connection.
  bool produce();
  std::size_t unacked() const { return pending_.size(); }
  bool connected() const;
  // DISCONNECT and close.
  void stop();

  // For its session.
  const std::string& id() const { return id_; }
  const Url& url() const { return url_; }
  void session_up(std::uint16_t receive_maximum);
  void on_ack(std::uint16_t packet_id, mqtt::Reason reason);

 private:
  struct Pending {
    std::uint64_t seq = 0;
    std::string payload;
    MonoTime sent{};
  };
  boost::asio::awaitable<void> run();
  void send(std::uint16_t packet_id, Pending& pending);
  std::string payload(std::uint64_t seq) const;

  Fleet& fleet_;
  std::string id_, topic_;
  Url url_;
  Backoff backoff_;
  std::uint64_t seq_ = 0;
  std::uint16_t last_packet_id_ = 0;
  std::size_t window_ = 1;
  std::map<std::uint16_t, Pending> pending_;
  std::shared_ptr<Session> session_;
};

}  // namespace sluice::fleet
