#include "store/worker.hpp"

#include <pthread.h>

#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

namespace sluice::store {

Worker::Worker(boost::asio::io_context& loop) : loop_(loop), thread_([this] { run(); }) {
  ::pthread_setname_np(thread_.native_handle(), "store");
}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Worker::push(std::deque<Work>& queue, Work work) {
  {
    const std::lock_guard lock(mutex_);
    queue.push_back(std::move(work));
    if (under_way_++ == 0) guard_.emplace(loop_.get_executor());
  }
  wake_.notify_one();
}

void Worker::reply(Reply reply) {
  {
    const std::lock_guard lock(mutex_);
    replies_.push_back(std::move(reply));
    if (replies_.size() > 1) return;  // its post is on its way
  }
  boost::asio::post(loop_, [this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) run_replies();
  });
}

void Worker::run_replies() {
  std::deque<Reply> replies;
  {
    const std::lock_guard lock(mutex_);
    replies.swap(replies_);
  }
  const std::weak_ptr<bool> alive = alive_;
  for (auto& fn : replies) {
    if (alive.expired()) return;  // a reply closed the store
    fn();
  }
}

void Worker::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stop_ || !commits_.empty() || !reads_.empty(); });
    if (commits_.empty() && reads_.empty()) return;
    const bool read = commits_.empty() || (read_next_ && !reads_.empty());
    read_next_ = !read;
    auto& queue = read ? reads_ : commits_;
    Work work = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    Reply answer = work();
    work = nullptr;
    if (answer) reply(std::move(answer));
    lock.lock();
    if (--under_way_ == 0) {
      guard_.reset();
      idle_.notify_all();
    }
  }
}

void Worker::wait_idle() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return under_way_ == 0; });
}

void Worker::settle() {
  wait_idle();
  run_replies();
}

void Worker::call(std::function<void()> fn) {
  bool done = false;
  std::mutex mutex;
  std::condition_variable ready;
  read([&]() -> Reply {
    fn();
    const std::lock_guard lock(mutex);
    done = true;
    ready.notify_one();
    return {};
  });
  std::unique_lock lock(mutex);
  ready.wait(lock, [&] { return done; });
}

}  // namespace sluice::store
