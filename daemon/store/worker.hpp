// The store thread. Takes commits before reads, but never two commits in a row while a read waits. What a
// piece of work leaves to be done on the loop is queued in order and posted; the loop does not run dry while
// work is under way.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace sluice::store {

class Worker {
 public:
  // Runs on the store thread; what it returns runs on the loop.
  using Reply = std::function<void()>;
  using Work = std::function<Reply()>;

  explicit Worker(boost::asio::io_context& loop);
  ~Worker();  // finishes what is queued; replies that have not run are dropped
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void commit(Work work) { push(commits_, std::move(work)); }
  void read(Work work) { push(reads_, std::move(work)); }
  // Blocks until nothing is queued or under way.
  void wait_idle();
  // ... and runs the replies here instead of on the loop's next turn.
  void settle();
  // Blocks until fn has run on the store thread; other work may be queued still.
  void call(std::function<void()> fn);
  // From inside a Work: sends a reply ahead of its end.
  void reply(Reply reply);

 private:
  void push(std::deque<Work>& queue, Work work);
  void run();
  void run_replies();

  boost::asio::io_context& loop_;
  std::mutex mutex_;
  std::condition_variable wake_, idle_;
  std::deque<Work> commits_, reads_;
  std::deque<Reply> replies_;
  std::size_t under_way_ = 0;  // queued or running
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> guard_;
  bool stop_ = false, read_next_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::thread thread_;
};

}  // namespace sluice::store
