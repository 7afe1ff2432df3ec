// The time that one invocation has. When it is nearly over, running calls to AWS are cut and waits end, so
// that the function still answers by itself instead of being killed in the middle. Used by the loop and by
// function_main.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace sluice::lambda {

class Deadline {
 public:
  Deadline();
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void start(std::chrono::milliseconds left);
  void end();
  // For HttpOptions::cancelled.
  const std::atomic<bool>& over() const { return over_; }
  // Returns early when the time is over.
  void wait(std::chrono::milliseconds time);

 private:
  void watch();

  std::atomic<bool> over_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool running_ = false, stopping_ = false;
  unsigned number_ = 0;  // of the invocation: a watch that wakes late must not end the next one
  std::chrono::milliseconds left_{0};
  std::thread watcher_;
};

}  // namespace sluice::lambda
