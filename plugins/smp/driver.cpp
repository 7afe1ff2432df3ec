#include "plugins/smp/driver.hpp"

#include <fmt/format.h>

#include "core/task.hpp"
#include "plugins/smp/mcuboot_image.hpp"
#include "plugins/smp/report.hpp"

namespace sluice::smp {
namespace asio = boost::asio;
using adapter::Answer;
using adapter::Json;
namespace {

constexpr std::size_t kMostWaiting = 8;
constexpr Duration kSoon = 2s;  // after something that changes the device

}  // namespace

Driver::Driver(adapter::House house, Settings settings, std::unique_ptr<Transport> transport, Log log)
    : house_(house),
      settings_(std::move(settings)),
      transport_(std::move(transport)),
      target_(house.loop, house.clock, *transport_, settings_.target, log.named("device")),
      log_(std::move(log)),
      look_timer_(house.clock) {}

void Driver::start() {
  house_.gateway.health("ok", "looking for the device");
  look_after(Duration::zero());
}

void Driver::message(const adapter::Message& /*message*/, adapter::Reply reply) {
  reply(adapter::no("unsupported", "a device behind SMP takes no messages; it is updated by calls"));
}

void Driver::detached(std::string_view device, std::string_view reason, std::string_view text) {
  log_.warn("{} was detached: {} {}", device, reason, text);
  attached_ = false;
  attached_as_.clear();
}

void Driver::stop(std::function<void()> done) {
  stopping_ = true;
  look_timer_.cancel();
  waiting_.clear();
  target_.close();
  done();
}

// --- one thing at a time

bool Driver::enqueue(Work work) {
  if (stopping_ || waiting_.size() >= kMostWaiting) return false;
  waiting_.push_back(std::move(work));
  next();
  return true;
}

void Driver::next() {
  if (working_ || waiting_.empty()) return;
  working_ = true;
  auto work = std::move(waiting_.front());
  waiting_.pop_front();
  spawn(house_.loop, log_, "smp", std::move(work), [this](bool /*failed*/) {
    working_ = false;
    next();
  });
}

// --- looking at the device

void Driver::look_after(Duration delay) {
  if (stopping_) return;
  look_timer_.start(delay, [this] {
    if (!looking_) looking_ = enqueue([this] { return look(); });
    look_after(settings_.poll);
  });
}

asio::awaitable<void> Driver::look() {
  const auto facts = co_await target_.probe();
  looking_ = false;
  if (stopping_) co_return;
  if (facts) {
    seen(*facts);
  } else {
    away(facts.error());
  }
}

void Driver::away(const Error& error) {
  house_.gateway.health("degraded", fmt::format("{}: {}", settings_.device, error.text));
  house_.gateway.device_state(settings_.device, "offline");
}

void Driver::seen(const DeviceFacts& facts) {
  facts_ = facts;
  house_.gateway.health("ok", "");
  house_.gateway.device_state(settings_.device, "online");
  const auto& counters = target_.exchange().counters();
  house_.gateway.counter("requests", counters.sent);
  house_.gateway.counter("timeouts", counters.timeouts);
  house_.gateway.counter("broken_messages", counters.broken);
  attach(facts);
  publish(facts.slots);
}

void Driver::attach(const DeviceFacts& facts) {
  adapter::Device device;
  device.id = settings_.device;
  device.access_token = settings_.token;
  device.model = settings_.model;
  device.hardware = settings_.hardware;
  device.firmware = facts.active() != nullptr ? facts.active()->version : "";
  device.capabilities = capabilities();
  const auto as = device.firmware + device.capabilities.dump();
  if (attaching_ || (attached_ && as == attached_as_)) return;
  attaching_ = true;
  house_.gateway.attach(device, [this, as](const Answer& answer) {
    attaching_ = false;
    if (!answer.ok()) {
      log_.warn("{} cannot be attached: {} ({}); the next look tries again", settings_.device, answer.text,
                answer.error);
      house_.gateway.health("degraded", fmt::format("{}: {}", settings_.device, answer.text));
      return;
    }
    const bool first = !attached_;
    attached_ = true;
    attached_as_ = as;
    if (first && facts_) publish(facts_->slots);
  });
}

void Driver::publish(const std::vector<Slot>& slots) {
  if (!attached_) return;
  auto payload = image_report(slots).dump();
  if (payload == published_) return;
  const bool taken = house_.gateway.publish(
      settings_.device, settings_.topic, payload,
      [this](const adapter::Published& published) {
        if (published.on_disk) return;
        log_.warn("the image state of {} was not taken: {}", settings_.device, published.text);
        published_.clear();  // the next look says it again
      },
      "application/json");
  if (taken) published_ = std::move(payload);
}

Json Driver::capabilities() const {
  Json c{{"update", true}};
  if (!facts_) return c;
  c["class"] = update_class(facts_->safety);
  c["bootloader_mode"] = to_string(facts_->mode);
  c["slots"] = slots_report(facts_->slots);
  return c;
}

// --- calls

void Driver::call(const adapter::Call& call, adapter::Reply reply) {
  if (call.device != settings_.device)
    return reply(adapter::no("not_attached", fmt::format("this adapter has {} only", settings_.device)));
  if (call.operation == "capabilities") return reply(adapter::yes({{"capabilities", capabilities()}}));
  auto step = std::make_shared<Step>();
  step->operation = call.operation;
  step->update = call.update;
  step->bytes = call.bytes;
  step->arguments = call.arguments;
  step->offset = call.offset;
  step->deadline = house_.clock.now() + std::chrono::milliseconds(call.deadline_ms);
  if (step->update.empty() && step->arguments.is_object()) {
    const auto update = step->arguments.find("update");
    if (update != step->arguments.end() && update->is_string()) step->update = update->get<std::string>();
  }
  const bool taken = enqueue([this, step, reply]() -> asio::awaitable<void> {
    if (house_.clock.now() > step->deadline) co_return;  // nobody waits for it any more
    auto said = co_await answer(*step);
    if (!stopping_) reply(std::move(said));
    if (step->operation != "write") look_after(kSoon);
  });
  if (!taken) reply(adapter::no("busy", "other steps are waiting for the line"));
}

Answer failure_of(const Error& error) {
  switch (error.code) {
    case errc::timeout:
    case errc::unreachable:
    case errc::io:
    case errc::closed:
      return adapter::no("transient", error.text);
    case errc::throttled:
      return adapter::no("busy", error.text);
    case errc::invalid_argument:
      return adapter::no("incompatible", error.text);
    case errc::unsupported:
      return adapter::no("unsupported", error.text);
    default:
      return adapter::no("permanent", error.text);
  }
}

}  // namespace sluice::smp
