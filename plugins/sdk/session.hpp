// The adapter's MQTT 5 session as bytes in and bytes out: no socket, no thread. Used by run(), and by tests
// that are the daemon.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "core/clock.hpp"
#include "mqtt/packet.hpp"
#include "plugins/sdk/adapter.hpp"

namespace sluice::adapter {

// Of the start object (docs/adapters.md).
struct Credentials {
  std::string client_id, username, password, inbox;
  std::uint16_t keep_alive_s = 15;
};

class Session final : public Gateway {
 public:
  struct Events {
    std::function<void()> subscribed;             // the driver may start
    std::function<void()> wake;                   // there is something in `out`
    std::function<void(std::string why)> closed;  // the connection is no good any more
    std::function<void(int code, std::string why)> quit;
  };
  Session(Clock& clock, Credentials credentials, Driver& driver, Events events);

  // CONNECT; then what the daemon sends goes to receive().
  void open();
  void receive(std::string_view bytes);
  std::string out;
  // The daemon has taken from `out`.
  void flushed() { maybe_room(); }

  // Gateway
  void attach(const Device& device, std::function<void(Answer)> done) override;
  void detach(std::string_view device, std::string_view reason) override;
  bool publish(std::string_view device, std::string_view topic, std::string_view payload,
               std::function<void(const Published&)> done, std::string_view content_type = {}) override;
  std::size_t unacknowledged() const override { return publishes_.size(); }
  void on_room(std::function<void()> fn) override { on_room_ = std::move(fn); }
  void health(std::string_view state, std::string_view text) override;
  void counter(std::string_view name, std::uint64_t value) override;
  void device_state(std::string_view device, std::string_view state) override;
  void log(int level, std::string_view text) override;
  void quit(int exit_code, std::string_view why) override;

 private:
  struct Publishing {
    std::function<void(const Published&)> done;
  };
  void take(const mqtt::Packet& packet);
  void take_message(const mqtt::Publish& publish);
  void take_call(std::string_view rest, const mqtt::Publish& publish, Reply reply);
  void take_ack(const mqtt::Ack& ack);
  void maybe_room();
  std::uint16_t send(std::string_view topic, std::string_view payload, std::string_view response_topic,
                     std::string_view correlation, std::string_view content_type = {});
  void request(std::string_view topic, const Json& payload, std::function<void(Answer)> done);
  Reply reply_to(const mqtt::Publish& publish);
  void subscribe();
  void report();
  void report_later();
  Json health_report() const;
  void keep_alive();
  void fail(std::string why);
  std::uint16_t new_packet_id();

  Clock& clock_;
  Credentials credentials_;
  Driver& driver_;
  Events events_;
  std::string in_;
  std::size_t most_open_ = 65'535;
  std::uint32_t most_packet_ = 0xffffffff;
  std::uint16_t last_id_ = 0;
  std::unordered_map<std::uint16_t, Publishing> publishes_;  // of readings, until their PUBACK
  std::set<std::uint16_t> others_;                           // packet ids of requests, answers, reports
  std::map<std::uint64_t, std::function<void(Answer)>> requests_;
  std::uint64_t last_request_ = 0;
  std::function<void()> on_room_;
  bool was_full_ = false, subscribed_ = false, over_ = false, report_due_ = false;
  std::string state_ = "ok", text_;
  std::map<std::string, std::uint64_t, std::less<>> counters_;
  std::map<std::string, std::string, std::less<>> offline_;
  MonoTime sent_{};
  Timer report_timer_, keep_alive_timer_;
  std::string topic_;  // kept for its memory
  // Replies may be called when the session is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

 public:
  ~Session() override { *alive_ = false; }
};

}  // namespace sluice::adapter
