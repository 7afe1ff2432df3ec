// A few threads for what must not block the loop: TLS handshakes and token hashes. Results come back to the
// loop. All methods on the loop thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace sluice {

class Workers {
 public:
  // A thread starts when there is a job that no other is free for. At most `most_waiting` jobs wait.
  Workers(boost::asio::io_context& loop, unsigned threads, std::size_t most_waiting);
  // Waits for jobs that run; those that wait are forgotten, their `done` never comes.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Runs work on a thread, then done on the loop. False: too many wait, nothing was taken.
  bool submit(std::function<void()> work, std::function<void()> done);
  std::size_t waiting() const;

 private:
  struct Job {
    std::function<void()> work, done;
  };
  void run();

  boost::asio::io_context& loop_;
  const unsigned threads_wanted_;
  const std::size_t most_waiting_;
  mutable std::mutex mutex_;  // guards jobs_, idle_ and stopping_
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sluice
