// What ties the broker to the store: its Journal (spaces 1..6 of the store) and its time.
#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "mqtt/broker.hpp"
#include "store/store.hpp"

namespace sluice::device {

class StoreJournal final : public mqtt::Journal {
 public:
  explicit StoreJournal(store::Store& store) : store_(store) {}
  void put(Space space, std::string_view key, std::string_view value) override {
    store_.put(number(space), key, value);
  }
  void erase(Space space, std::string_view key) override { store_.erase(number(space), key); }
  mqtt::Ticket ticket() const override { return store_.ticket(); }
  // Everything that the store has, to the broker; blocks, for start-up.
  result<void> restore(mqtt::Broker& broker) {
    for (auto space : {Space::session, Space::subscription, Space::message, Space::queued,
                       Space::inbound_qos2, Space::retained}) {
      auto scanned = store_.scan(number(space), [&](std::string_view key, std::string_view value) {
        broker.restore(space, key, value);
      });
      if (!scanned) return scanned;
    }
    return {};
  }

 private:
  static store::Space number(Space space) { return static_cast<store::Space>(space); }
  store::Store& store_;
};

// Milliseconds that count on across restarts (from Store::now()), as the broker wants them. When we were
// stopped or suspended (F10), or did not read because the store was slow, no client could reach us: such a
// gap is not counted at once, which would end every keep-alive before its client's bytes are read, but made
// up for at a quarter of the normal speed; a client that pings within its keep-alive stays within the one and
// a half of it that MQTT grants.
class BrokerTime {
 public:
  BrokerTime(store::StoreSeconds now, MonoTime mono) : time_(std::int64_t{now} * 1000), last_(mono) {}

  // `held`: we do not read now, by our own choice.
  mqtt::Milliseconds step(MonoTime now, bool held) {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now - last_).count();
    if (passed <= 0) return time_;
    last_ += std::chrono::milliseconds(passed);
    auto step = passed;
    if (held || passed > kGap) {
      step = std::min<mqtt::Milliseconds>(passed, held ? 0 : kMostAfterGap);
    } else {
      step += std::min(behind_, passed / 4);
    }
    behind_ += passed - step;
    time_ += step;
    return time_;
  }
  mqtt::Milliseconds now() const { return time_; }
  mqtt::Milliseconds behind() const { return behind_; }

 private:
  static constexpr mqtt::Milliseconds kGap = 2'000, kMostAfterGap = 250;
  mqtt::Milliseconds time_, behind_ = 0;
  MonoTime last_;
};

}  // namespace sluice::device
