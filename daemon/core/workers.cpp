#include "core/workers.hpp"

#include <signal.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace sluice {

Workers::Workers(boost::asio::io_context& loop, unsigned threads, std::size_t most_waiting)
    : loop_(loop), threads_wanted_(threads), most_waiting_(most_waiting) {}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    jobs_.clear();
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

bool Workers::submit(std::function<void()> work, std::function<void()> done) {
  bool all_busy = false;
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= most_waiting_) return false;
    jobs_.push_back({std::move(work), std::move(done)});
    all_busy = jobs_.size() > idle_;
  }
  if (all_busy && threads_.size() < threads_wanted_) {
    // Signals belong to the main thread, which waits for them on the loop.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    threads_.emplace_back([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  wake_.notify_one();
  return true;
}

std::size_t Workers::waiting() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

void Workers::run() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      ++idle_;
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      --idle_;
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job.work();
    job.work = nullptr;
    boost::asio::post(loop_, std::move(job.done));
  }
}

}  // namespace sluice
