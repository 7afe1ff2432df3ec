// Named places where a test makes the program die, fail or dawdle (reliability fault F1). Always compiled in;
// inert unless the text given (SLUICE_FAIL of the environment, read once at start) names the place.
//
//   SLUICE_FAIL=name:n:action[,name:n:action...]      at the n-th time (from 1) that `name` is passed
//   action: kill (SIGKILL to ourselves), err (the step reports failure), delay=MS (the thread stands still)
//
// Names in the store: before-begin after-insert before-commit after-commit before-post before-ack-write
// after-ack-write before-checkpoint in-salvage in-migration. Other rooms add theirs with the room's name in
// front.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

class FailPoints {
 public:
  FailPoints() = default;  // inert
  // Parts that cannot be read are ignored: this is a test's tool.
  explicit FailPoints(std::string_view text);
  static FailPoints from_environment();

  // True: behave as if the step had failed. Any thread.
  bool hit(std::string_view name) { return !points_.empty() && strike(name); }

 private:
  struct Point {
    std::string name;
    enum class Action { kill, err, delay } action = Action::kill;
    int delay_ms = 0;
    std::atomic<long> left = 1;
  };
  bool strike(std::string_view name);

  std::vector<std::unique_ptr<Point>> points_;
};

}  // namespace sluice
