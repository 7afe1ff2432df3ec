// A client that publishes as fast as its limit and its window allow. Its packets are built once, one for each
// place in the window; to send means to write the running number into the place and hand the ring to the
// kernel, without a copy. Packet id of a place is its number plus one.
#pragma once

#include <functional>

#include "load/histogram.hpp"
#include "load/loop.hpp"
#include "load/report.hpp"

namespace sluice::load {

// What all publishers of a run share.
struct Tally {
  std::uint64_t sent = 0, acked = 0, resent = 0;
  std::uint64_t refused = 0;       // PUBACK with an error reason (MQTT 5)
  std::uint64_t out_of_order = 0;  // PUBACKs that overtook others
  std::uint64_t unknown = 0;       // PUBACKs for what was not sent
  // Mode rate only. Message n of client c of N was due at start + (n * N + c) * interval.
  bool timed = false;
  Nanos start = 0, measure_from = 0;
  double interval = 0;
  Histogram latency;
  Lines* log = nullptr;
};

class Publisher : public Connection {
 public:
  Publisher(Loop& loop, const Options& options, unsigned index, Tally& tally);

  // It may publish so many messages from its birth; more is sent as the window opens.
  void allow(std::uint64_t messages) {
    limit_ = messages;
    if (limit_ != claimed_ && is_open()) mark();
  }
  std::uint64_t limit() const { return limit_; }
  Nanos due(std::uint64_t n) const;
  // What is not acknowledged, with the age it has now.
  void give_up(Nanos at);
  void flush() override;

 protected:
  void opened(std::uint16_t receive_maximum) override;
  std::size_t take(std::string_view bytes) override;
  void writable() override { mark(); }
  bool between_packets() const override { return sent_ % packet_ == 0; }

 private:
  void build(const Options& options);
  void claim();
  void acknowledge(std::uint16_t packet_id, Nanos at);
  void count(std::uint64_t n, Nanos at);
  std::size_t take_other(std::string_view bytes, Nanos at);

  Tally& tally_;
  unsigned clients_, position_, qos_;  // the first client has position 0
  bool v5_;
  std::uint64_t window_;                                      // places of the ring
  std::uint64_t open_;                                        // how many of them the server allows
  std::size_t packet_ = 0, topic_seq_ = 0, payload_seq_ = 0;  // bytes; offsets in a packet, 0: none
  std::string ring_;
  std::uint64_t limit_ = 0;
  std::uint64_t head_ = 0, claimed_ = 0;  // messages: the oldest without PUBACK, the next
  std::uint64_t sent_ = 0;                // bytes since message 0
  std::vector<bool> early_;               // by place: acknowledged, but one before it is not
};

}  // namespace sluice::load
