#include "device/links.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "device/link.hpp"

namespace sluice::device {
namespace {

constexpr std::size_t kPlainBuffer = 64 * 1024;
constexpr unsigned kHandshakeThreads = 2;
constexpr Duration kHurry = 2s;  // a handshake may take this long when others wait for its place

}  // namespace

Links::Links(boost::asio::io_context& loop, Clock& clock, Log log, LinkLimits limits)
    : loop_(loop),
      clock_(clock),
      log_(std::move(log)),
      limits_(limits),
      wire_(limits.read_turn),
      plain_(kPlainBuffer),
      resume_timer_(clock),
      workers_(std::make_shared<Workers>(loop, kHandshakeThreads, limits.handshakes + 1)),
      log_limit_(1.0 / 30, 5, 1000) {}

Links::~Links() {
  abort_all();
  *alive_ = false;
}

void Links::serve(mqtt::Broker& broker, std::function<bool()> pressure) {
  broker_ = &broker;
  pressure_ = std::move(pressure);
}

void Links::adopt(int fd, std::shared_ptr<Listener> listener, const Peer& peer) {
  auto link = std::make_shared<Link>(*this, fd, std::move(listener), peer);
  link->index_ = links_.size();
  links_.push_back(link);
  link->start();
}

void Links::remove(Link& link) {
  const auto listener = link.listener_;
  const auto index = link.index_;
  links_[index] = links_.back();
  links_[index]->index_ = index;
  links_.pop_back();
  listener->room_again();
  if (links_.empty() && when_empty_) boost::asio::post(loop_, std::exchange(when_empty_, nullptr));
}

void Links::when_empty(std::function<void()> fn) {
  if (links_.empty()) {
    boost::asio::post(loop_, std::move(fn));
  } else {
    when_empty_ = std::move(fn);
  }
}

void Links::dirty(Link& link) {
  dirty_.push_back(link.shared_from_this());
  if (dirty_.size() > 1) return;
  boost::asio::post(loop_, [this, alive = alive_] {
    if (*alive) flush();
  });
}

void Links::flush() {
  // Links that become dirty meanwhile have their turn in the next round.
  flushing_.swap(dirty_);
  for (const auto& link : flushing_) link->flush();
  flushing_.clear();
}

void Links::pause(Link& link) { paused_.push_back(link.weak_from_this()); }

void Links::relieved() {
  std::vector<std::weak_ptr<Link>> paused;
  paused.swap(paused_);
  for (const auto& weak : paused) {
    if (const auto link = weak.lock()) link->resume();
  }
}

void Links::resume_at(MonoTime when, Link& link) {
  const auto it = resume_.emplace(when, link.weak_from_this());
  if (it == resume_.begin()) resume_timer_.start(when - clock_.now(), [this] { resume_due(); });
}

void Links::resume_due() {
  const auto now = clock_.now();
  std::vector<std::weak_ptr<Link>> due;
  while (!resume_.empty() && resume_.begin()->first <= now) {
    due.push_back(std::move(resume_.begin()->second));
    resume_.erase(resume_.begin());
  }
  if (!resume_.empty()) resume_timer_.start(resume_.begin()->first - now, [this] { resume_due(); });
  for (const auto& weak : due) {
    if (const auto link = weak.lock()) link->resume();
  }
}

void Links::linger(Link& link) { lingering_.emplace_back(clock_.now(), link.weak_from_this()); }

void Links::tick(MonoTime now) {
  while (!handshaking_.empty()) {
    const auto link = handshaking_.front().second.lock();
    const auto age = now - handshaking_.front().first;
    if (link && link->in_handshake()) {
      if (age < limits_.handshake_deadline && !(handshakes_full() && age >= kHurry)) break;
      link->overdue();
    }
    handshaking_.pop_front();
  }
  while (!lingering_.empty()) {
    const auto link = lingering_.front().second.lock();
    if (link && link->phase_ != Link::Phase::closed) {
      if (now - lingering_.front().first < limits_.linger) break;
      link->shut();
    }
    lingering_.pop_front();
  }
}

void Links::handshake_failed(const Link& link, std::string_view why) {
  if (!log_limit_.try_take(link.peer().source(), clock_.now())) return;
  log_.warn("{}: {} from {}", link.listener().name(), why, link.peer().text());
}

void Links::close_all_of(const Listener& listener) {
  const auto links = links_;
  for (const auto& link : links) {
    if (link->listener_.get() == &listener) link->lose("its listener was removed from the config");
  }
}

void Links::abort_all() {
  const auto links = links_;
  for (const auto& link : links) link->lose("shut down");
}

}  // namespace sluice::device
