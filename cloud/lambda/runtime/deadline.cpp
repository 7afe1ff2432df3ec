#include "cloud/lambda/runtime/deadline.hpp"

namespace sluice::lambda {

Deadline::Deadline() : watcher_([this] { watch(); }) {}

Deadline::~Deadline() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  watcher_.join();
}

void Deadline::start(std::chrono::milliseconds left) {
  {
    const std::scoped_lock lock(mutex_);
    running_ = true;
    left_ = left;
    ++number_;
    over_ = false;
  }
  changed_.notify_all();
}

void Deadline::end() {
  {
    const std::scoped_lock lock(mutex_);
    running_ = false;
    over_ = false;
  }
  changed_.notify_all();
}

void Deadline::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [this] { return over_.load(); });
}

void Deadline::watch() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!running_ || over_) {
      changed_.wait(lock);
      continue;
    }
    const auto number = number_;
    const bool changed =
        changed_.wait_for(lock, left_, [&] { return stopping_ || !running_ || number_ != number; });
    if (changed) continue;
    over_ = true;
    changed_.notify_all();
  }
}

}  // namespace sluice::lambda
