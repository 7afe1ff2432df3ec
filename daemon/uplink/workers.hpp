// A few threads for calls that may block (DNS, TLS diagnosis, Paho's own locks), so that the loop never does.
// Tasks run in the order given, several at once; those queued at the end are still run. Used by the Paho
// links.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace sluice::uplink {

class Workers {
 public:
  explicit Workers(std::size_t threads);
  // Runs what is queued, then joins.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Any thread.
  void post(std::function<void()> task);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sluice::uplink
