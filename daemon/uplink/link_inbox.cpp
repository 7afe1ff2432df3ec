#include "uplink/link_inbox.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace sluice::uplink {

void LinkInbox::post(std::unique_lock<std::mutex>& lock) {
  if (std::exchange(posted_, true)) return;
  lock.unlock();
  boost::asio::post(loop_, [self = shared_from_this()] { self->drain(); });
}

void LinkInbox::connected(const Granted& granted) {
  std::unique_lock lock(mutex_);
  granted_ = granted;
  post(lock);
}

void LinkInbox::connect_failed(ConnectFailure failure) {
  std::unique_lock lock(mutex_);
  failure_ = std::move(failure);
  post(lock);
}

void LinkInbox::lost(Loss loss) {
  std::unique_lock lock(mutex_);
  if (std::exchange(loss_told_, true)) return;
  loss_ = std::move(loss);
  post(lock);
}

void LinkInbox::published(Puback ack) {
  std::unique_lock lock(mutex_);
  acks_.push_back(ack);
  post(lock);
}

void LinkInbox::subscribed(std::vector<std::uint8_t> reasons) {
  std::unique_lock lock(mutex_);
  suback_ = std::move(reasons);
  post(lock);
}

bool LinkInbox::message(Incoming message, Duration most) {
  std::unique_lock lock(mutex_);
  const bool waits = message.qos > 0;
  if (waits) message.ack = ++last_ack_;
  const auto mine = message.ack;
  messages_.push_back(std::move(message));
  post(lock);
  if (!waits) return true;
  if (!lock.owns_lock()) lock.lock();
  return accepted_or_closing_.wait_for(lock, most, [&] { return accepted_ >= mine || closing_; }) &&
         accepted_ >= mine;
}

bool LinkInbox::closing() const {
  const std::lock_guard lock(mutex_);
  return closing_;
}

void LinkInbox::post_closed(std::function<void()> closed) {
  boost::asio::post(loop_, [self = shared_from_this(), closed = std::move(closed)] {
    self->drain();  // a last message goes first
    if (closed) closed();
  });
}

void LinkInbox::accept(std::uint64_t ack) {
  {
    const std::lock_guard lock(mutex_);
    if (ack > accepted_) accepted_ = ack;
  }
  accepted_or_closing_.notify_all();
}

void LinkInbox::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  accepted_or_closing_.notify_all();
}

void LinkInbox::drain() {
  std::unique_lock lock(mutex_);
  posted_ = false;
  const auto granted = std::exchange(granted_, std::nullopt);
  const auto failure = std::exchange(failure_, std::nullopt);
  const auto loss = std::exchange(loss_, std::nullopt);
  const auto suback = std::exchange(suback_, {});
  auto messages = std::exchange(messages_, {});
  burst_.clear();
  burst_.swap(acks_);
  lock.unlock();

  const auto events = events_.lock();
  if (!events) return;
  // Each handler may close the link; then only messages are left to tell.
  if (granted && !closing()) events->connected(*granted);
  if (!suback.empty() && !closing()) events->subscribed(suback);
  for (auto& message : messages) events->message(std::move(message));
  if (!burst_.empty() && !closing()) events->published(burst_);
  if (failure && !closing()) events->connect_failed(*failure);
  if (loss && !closing()) events->lost(*loss);
}

}  // namespace sluice::uplink
