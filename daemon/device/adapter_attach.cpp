// An adapter's session: which devices it speaks for, and whether it may.
#include <fmt/format.h>

#include <boost/asio/post.hpp>

#include "device/adapter_session.hpp"
#include "device/authenticator.hpp"
#include "device/session_host.hpp"

namespace sluice::device {
namespace {

using mqtt::Reason;

constexpr Duration kJustDetached = 10s;
constexpr std::size_t kMostCorrelation = 64, kMostJudged = 64;

}  // namespace

std::optional<AdapterSession::Asker> AdapterSession::asker_of(const mqtt::Publish& publish) const {
  const auto topic = publish.properties.response_topic.value_or(std::string_view());
  const auto correlation = publish.properties.correlation_data.value_or(std::string_view());
  if (topic != inbox_ + "/answer" || correlation.empty() || correlation.size() > kMostCorrelation)
    return std::nullopt;
  return Asker{std::string(correlation)};
}

void AdapterSession::answer(const Asker& asker, const std::string& payload) {
  if (client_ != nullptr) send(inbox_ + "/answer", payload, asker.correlation, 1);
}

mqtt::PublishVerdict AdapterSession::take_attach(const mqtt::Publish& publish) {
  const auto asker = asker_of(publish);
  if (!asker)
    return refuse(Reason::payload_format_invalid,
                  "a request without Response Topic <inbox>/answer and Correlation Data", "attach");
  auto request = read_attach(publish.payload);
  // Not from inside the broker: what follows publishes, and logs devices in.
  boost::asio::post(house_.loop, [self = shared_from_this(), asker = *asker, request = std::move(request)] {
    if (self->over_) return;
    if (!request) return self->answer(asker, no("invalid", request.error().text));
    self->attach(*request, asker);
  });
  return {.deliver = false, .reason_string = {}};
}

void AdapterSession::attach(AttachRequest request, const Asker& asker) {
  if (const auto it = attached_.find(request.device); it != attached_.end()) {
    if (!it->second->is_open()) return answer(asker, no("busy", "it is being attached"));
    // A device that is held was proven; a token that is wrong now is the cloud's or the operator's to say.
    return it->second->again(std::move(request), [self = shared_from_this(), asker,
                                                  id = it->first](result<bool> done) {
      if (!done) return self->answer(asker, no("invalid", done.error().text));
      const auto now = self->attached_.find(id);
      if (now == self->attached_.end()) return;
      self->answer(
          asker,
          yes({{"device", id}, {"product", now->second->device()->ref.product}, {"session_present", *done}}));
    });
  }
  if (attached_.size() + judging_ >= most_devices_)
    return answer(asker, no("full", fmt::format("limits.devices of this adapter is {}", most_devices_)));
  if (judging_ >= kMostJudged)
    return answer(asker, no("unavailable", "too many devices are being attached; try again"));
  std::shared_ptr<Device> vouched;
  if (request.trusted) {
    if (product_.empty()) {
      return answer(asker,
                    no("refused", "this adapter's configuration names no product that it may vouch for"));
    }
    auto found = house_.directory.vouched(request.device, product_);
    if (!found)
      return answer(asker, no(found.error().code == errc::full ? "full" : "refused", found.error().text));
    vouched = *found;
  }
  ++judging_;
  AuthRequest who;
  who.client_id = request.device;
  who.username = request.device;
  who.password = std::exchange(request.token, {});
  auto then = [weak = weak_from_this(), request = std::move(request), asker](const AuthAnswer& said) {
    const auto self = weak.lock();
    if (!self || self->over_) return;
    --self->judging_;
    using enum Reason;
    if (said.device) return self->judged(request, asker, said.device);
    const bool later = said.reason == server_busy || said.reason == server_unavailable ||
                       said.reason == quota_exceeded || said.reason == connection_rate_exceeded;
    self->answer(asker, no(later ? "unavailable" : "refused", said.text));
  };
  if (vouched) return house_.authenticator.check_vouched(vouched, who.peer, std::move(then));
  house_.authenticator.check(std::move(who), std::move(then));
}

void AdapterSession::judged(AttachRequest request, const Asker& asker, const std::shared_ptr<Device>& found) {
  if (!found->enabled || found->removed) return answer(asker, no("refused", "the device is disabled"));
  if (!request.product.empty() && request.product != found->ref.product) {
    return answer(asker, no("refused", fmt::format("the device's product is {} here, not {}",
                                                   found->ref.product, request.product)));
  }
  if (!found->holder.empty())
    return answer(asker, no("busy", fmt::format("adapter {} has the device", found->holder)));
  if (found->connections > 0) return answer(asker, no("busy", "the device is connected by itself"));
  hold(std::move(request), asker, found);
}

void AdapterSession::hold(AttachRequest request, const Asker& asker, std::shared_ptr<Device> device) {
  const std::string id = device->ref.id;
  device->holder = name_;
  const std::weak_ptr<AdapterSession> weak = weak_from_this();
  AttachedEvents events;
  events.opened = [weak, asker, id, product = device->ref.product](const result<bool>& present) {
    const auto self = weak.lock();
    if (!self) return;
    if (present)
      return self->answer(asker, yes({{"device", id}, {"product", product}, {"session_present", *present}}));
    self->answer(asker, no("refused", present.error().text));
    boost::asio::post(self->house_.loop, [self, id] {
      if (const auto it = self->attached_.find(id); it != self->attached_.end())
        self->let_go(it, "it was refused");
    });
  };
  events.message = [weak, id](const mqtt::Publish& publish, std::uint32_t number) {
    if (const auto self = weak.lock()) self->deliver(id, publish, number);
  };
  events.closed = [weak, id](const std::string& why) {
    const auto self = weak.lock();
    if (!self) return;
    const auto it = self->attached_.find(id);
    if (it == self->attached_.end()) return;
    self->let_go(it, why);
    self->remember_detached(id);
    if (self->client_ != nullptr)
      self->send(fmt::format("{}/detached/{}", self->inbox_, id),
                 yes({{"reason", "by_daemon"}, {"text", why}}), {}, 1);
  };
  auto attached = std::make_shared<AttachedDevice>(house_.loop, house_.clock, name_, std::move(device),
                                                   std::move(request), std::move(events));
  attached_[id] = attached;
  log_.debug("adapter {}: attaches {}", name_, id);
  attached->open(*house_.broker);
}

void AdapterSession::let_go(Attached::iterator it, std::string_view why) {
  const auto attached = it->second;
  attached_.erase(it);
  attached->device()->holder.clear();
  attached->end(why);
}

bool AdapterSession::was_just_detached(std::string_view device) const {
  const auto it = just_detached_.find(device);
  return it != just_detached_.end() && house_.clock.now() - it->second < kJustDetached;
}

void AdapterSession::remember_detached(const std::string& device) {
  const auto now = house_.clock.now();
  std::erase_if(just_detached_, [now](const auto& item) { return now - item.second >= kJustDetached; });
  if (just_detached_.size() < most_devices_ || just_detached_.contains(device)) just_detached_[device] = now;
}

mqtt::PublishVerdict AdapterSession::take_detach(const mqtt::Publish& publish) {
  const auto asker = asker_of(publish);
  if (!asker)
    return refuse(Reason::payload_format_invalid,
                  "a request without Response Topic <inbox>/answer and Correlation Data", "detach");
  auto request = read_detach(publish.payload);
  boost::asio::post(house_.loop, [self = shared_from_this(), asker = *asker, request = std::move(request)] {
    if (self->over_) return;
    if (!request) return self->answer(asker, no("invalid", request.error().text));
    const auto it = self->attached_.find(request->device);
    if (it == self->attached_.end())
      return self->answer(asker, no("not_attached", "this adapter does not have the device"));
    self->let_go(it, request->reason.empty() ? "detached by its adapter" : request->reason);
    self->answer(asker, yes());
  });
  return {.deliver = false, .reason_string = {}};
}

}  // namespace sluice::device
