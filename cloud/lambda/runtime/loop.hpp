// The life of a function on Lambda: next event, handler, answer, until the runtime API says that it is over.
// Used by function_main.
#pragma once

#include "cloud/lambda/runtime/deadline.hpp"
#include "cloud/lambda/runtime/runtime_api.hpp"
#include "core/log.hpp"

namespace sluice::lambda {

struct LoopParts {
  const RuntimeApi& api;
  Deadline& deadline;
  std::function<std::chrono::sys_time<std::chrono::milliseconds>()> now;
  std::function<void(std::chrono::milliseconds)> pause;  // between two tries of next
  Log log;
};

// Returns the exit code: Lambda starts the process again when it needs it.
int serve(const LoopParts& parts, const Handler& handler);

}  // namespace sluice::lambda
