#include "plugins/serial/poller.hpp"

#include <algorithm>
#include <utility>

namespace sluice::serial {
namespace {

constexpr std::size_t kMostMessages = 64;

}  // namespace

Poller::Poller(Clock& clock, PollerOptions options, Events events)
    : clock_(clock), options_(options), events_(std::move(events)), timer_(clock) {}

void Poller::add(const std::string& address) { targets_.try_emplace(address, Target{.due = clock_.now()}); }

void Poller::start() {
  running_ = true;
  waiting_ = false;
  next();
}

void Poller::stop() {
  running_ = false;
  waiting_ = false;
  timer_.cancel();
}

bool Poller::soon(std::function<void()> send) {
  if (messages_.size() >= kMostMessages) return false;
  messages_.push_back(std::move(send));
  if (running_ && !waiting_) next();
  return true;
}

void Poller::next() {
  timer_.cancel();
  if (!running_ || waiting_) return;
  if (!messages_.empty()) {
    const auto send = std::move(messages_.front());
    messages_.pop_front();
    send();
    if (running_) timer_.start(options_.between, [this] { next(); });
    return;
  }
  if (targets_.empty()) return;
  const auto first = std::min_element(targets_.begin(), targets_.end(), [](const auto& a, const auto& b) {
    return a.second.due < b.second.due;
  });
  const auto now = clock_.now();
  if (first->second.due > now) {
    timer_.start(first->second.due - now, [this] { next(); });
    return;
  }
  ask(first->first, first->second);
}

void Poller::ask(const std::string& address, Target& target) {
  ++counts_.requests;
  ++target.tries;
  asked_ = address;
  waiting_ = true;
  if (!events_.ask(address)) {
    waiting_ = false;
    --target.tries;
    target.due = clock_.now() + options_.every;
    timer_.start(options_.every, [this] { next(); });
    return;
  }
  if (waiting_) timer_.start(options_.timeout, [this] { overdue(); });
}

std::string Poller::heard(const std::string& address) {
  if (!waiting_ || (!address.empty() && address != asked_)) return {};
  waiting_ = false;
  ++counts_.answers;
  auto& target = targets_[asked_];
  target.tries = 0;
  target.silent = 0;
  // Rounds keep their rhythm, however long answers take; a round that was missed is not made up for.
  target.due = std::max(target.due + options_.every, clock_.now());
  set_state(asked_, target, true);
  timer_.start(options_.between, [this] { next(); });
  return asked_;
}

void Poller::overdue() {
  waiting_ = false;
  ++counts_.timeouts;
  auto& target = targets_[asked_];
  if (target.tries <= options_.retries) {
    target.due = clock_.now();  // after those that wait longer
    timer_.start(options_.between, [this] { next(); });
    return;
  }
  target.tries = 0;
  ++target.silent;
  const auto factor = std::int64_t{1} << std::min(target.silent, 16U);
  target.due = clock_.now() +
               std::max(options_.every, std::min<Duration>(options_.every * factor, options_.most_apart));
  set_state(asked_, target, false);
  next();
}

void Poller::set_state(const std::string& address, Target& target, bool online) {
  if (std::exchange(target.known, true) && target.online == online) return;
  target.online = online;
  events_.state(address, online);
}

}  // namespace sluice::serial
