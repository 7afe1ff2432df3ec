#include "tests/support/scripted_link.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <set>
#include <utility>

namespace sluice::test {

using uplink::Granted;
using uplink::LinkEvents;

class ScriptedLink final : public uplink::CloudLink {
 public:
  ScriptedLink(ScriptedCloud& cloud, std::weak_ptr<LinkEvents> events)
      : cloud_(cloud), events_(std::move(events)) {}
  ~ScriptedLink() override { shut(); }

  void connect(const uplink::LinkOptions& options) override {
    client_ = options.client_id;
    cloud_.links_[client_] = this;
    cloud_.connects.push_back({options, cloud_.clock_.now()});
    if (!cloud_.answers_connect) return;
    auto refusal = cloud_.refuse ? cloud_.refuse(options) : std::nullopt;
    auto granted = cloud_.granted;
    granted.mqtt5 = options.mqtt5;
    tell([this, refusal, granted](LinkEvents& events) {
      if (refusal) return events.connect_failed(*refusal);
      up_ = true;
      events.connected(granted);
    });
  }

  bool writable() const override { return !cloud_.backlogged; }
  void publish(uplink::Publication&& p, std::uint64_t token) override {
    if (!up_ || cloud_.blackhole) return;
    cloud_.received.push_back({client_, std::string(p.topic), std::string(p.payload),
                               std::string(p.content_type), p.user_properties, cloud_.clock_.now()});
    flying_.insert(token);
    cloud_.most_in_flight = std::max(cloud_.most_in_flight, flying_.size());
    const auto& received = cloud_.received.back();
    if (cloud_.kills && cloud_.kills(received)) return lose(cloud_.loss);
    const auto reason = cloud_.answer ? cloud_.answer(received) : std::optional<std::uint8_t>(0);
    if (!reason) return;
    if (cloud_.ack_after == Duration::zero()) return ack(token, *reason);
    cloud_.clock_.call_after(cloud_.ack_after,
                             [this, token, reason = *reason, alive = std::weak_ptr<int>(alive_)] {
                               if (!alive.expired()) ack(token, reason);
                             });
  }

  void subscribe(std::vector<std::string> filters) override {
    if (!up_ || cloud_.blackhole) return;
    std::vector<std::uint8_t> reasons;
    for (const auto& filter : filters) {
      cloud_.subscriptions.push_back(filter);
      reasons.push_back(cloud_.suback ? cloud_.suback(filter) : 1);
    }
    if (cloud_.answers_subscribe) tell([reasons](LinkEvents& events) { events.subscribed(reasons); });
  }

  void accept(std::uint64_t ack) override { cloud_.accepted.emplace_back(client_, ack); }

  void close(std::function<void()> closed) override {
    shut();
    boost::asio::post(cloud_.loop_, std::move(closed));
  }

  void lose(uplink::Loss how) {
    if (!up_) return;
    up_ = false;
    flying_.clear();
    tell([how](LinkEvents& events) { events.lost(how); });
  }
  void ack(std::uint64_t token, std::uint8_t reason) {
    if (!up_ || cloud_.blackhole) return;
    flying_.erase(token);
    tell([token, reason](LinkEvents& events) {
      const uplink::Puback ack{token, reason};
      events.published({&ack, 1});
    });
  }
  void say(uplink::Incoming message) {
    if (!up_ || cloud_.blackhole) return;
    if (message.qos > 0) message.ack = ++last_ack_;
    tell([message](LinkEvents& events) { events.message(uplink::Incoming(message)); });
  }
  void make_writable() {
    tell([](LinkEvents& events) { events.writable(); });
  }
  bool up() const { return up_; }
  std::size_t flying() const { return flying_.size(); }

 private:
  void tell(std::function<void(LinkEvents&)> what) {
    boost::asio::post(cloud_.loop_,
                      [what = std::move(what), events = events_, alive = std::weak_ptr<int>(alive_)] {
                        const auto to = events.lock();
                        if (to && !alive.expired()) what(*to);
                      });
  }
  void shut() {
    if (!alive_) return;
    alive_.reset();
    up_ = false;
    ++cloud_.closed;
    if (cloud_.link(client_) == this) cloud_.links_.erase(client_);
  }

  ScriptedCloud& cloud_;
  std::weak_ptr<LinkEvents> events_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::string client_;
  bool up_ = false;
  std::set<std::uint64_t> flying_;
  std::uint64_t last_ack_ = 0;
};

uplink::LinkFactory ScriptedCloud::links() {
  return [this](std::weak_ptr<LinkEvents> events) {
    return std::make_unique<ScriptedLink>(*this, std::move(events));
  };
}

ScriptedLink* ScriptedCloud::link(const std::string& client) const {
  const auto it = links_.find(client);
  return it == links_.end() ? nullptr : it->second;
}

void ScriptedCloud::lose(const std::string& client, uplink::Loss how) {
  if (auto* l = link(client)) l->lose(std::move(how));
}
void ScriptedCloud::lose_all(uplink::Loss how) {
  for (const auto& [client, l] : links_) l->lose(how);
}
void ScriptedCloud::ack(const std::string& client, std::uint64_t token, std::uint8_t reason) {
  if (auto* l = link(client)) l->ack(token, reason);
}
void ScriptedCloud::say(const std::string& client, uplink::Incoming message) {
  if (auto* l = link(client)) l->say(std::move(message));
}
void ScriptedCloud::set_backlogged(bool on) {
  backlogged = on;
  for (const auto& [client, l] : links_) {
    if (!on && l->up()) l->make_writable();
  }
}
bool ScriptedCloud::up(const std::string& client) const {
  const auto* l = link(client);
  return l != nullptr && l->up();
}
std::size_t ScriptedCloud::in_flight(const std::string& client) const {
  const auto* l = link(client);
  return l == nullptr ? 0 : l->flying();
}

}  // namespace sluice::test
