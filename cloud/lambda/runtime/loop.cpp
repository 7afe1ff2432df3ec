#include "cloud/lambda/runtime/loop.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <optional>

#include "cloud/lambda/apigw_event.hpp"

namespace sluice::lambda {
namespace {

using std::chrono::milliseconds;

constexpr int kExitTrouble = 1;
constexpr int kMostTries = 5;
constexpr milliseconds kFirstPause{100};
// What the function needs to answer after its calls were cut.
constexpr milliseconds kMargin{500};

// Lambda asks us to leave with a status of 500 and more; there is nobody to tell.
bool must_exit(const aws::Error& error) { return error.status >= 500; }

std::optional<Invocation> next_event(const LoopParts& parts) {
  auto pause = kFirstPause;
  for (int tries = 1;; ++tries) {
    auto invocation = parts.api.next();
    if (invocation) return std::move(*invocation);
    parts.log.error("{}", invocation.error().text);
    if (must_exit(invocation.error()) || tries == kMostTries) return std::nullopt;
    parts.pause(pause);
    pause *= 2;
  }
}

// The last catch: what a handler throws is a defect of ours, and must not take the next event with it.
Answer call(const Handler& handler, const std::string& event) {
  try {
    auto answer = handler(event);
    if (answer && answer->size() > kMostEvent) {
      return FunctionError("Runtime.ResponseTooLarge", "the answer is larger than 6 MiB");
    }
    return answer;
  } catch (const std::exception& e) {
    return FunctionError("Runtime.Exception", e.what());
  }
}

}  // namespace

int serve(const LoopParts& parts, const Handler& handler) {
  while (true) {
    const auto invocation = next_event(parts);
    if (!invocation) return kExitTrouble;
    // AWS's own name for it; SDKs and tools that are started from here look for it.
    ::setenv("_X_AMZN_TRACE_ID", invocation->trace_id.c_str(), 1);
    if (invocation->deadline.time_since_epoch().count() != 0) {
      parts.deadline.start(std::max(invocation->deadline - parts.now() - kMargin, milliseconds(0)));
    }
    const auto answer = call(handler, invocation->event);
    parts.deadline.end();

    const auto& id = invocation->request_id;
    auto sent = answer ? parts.api.respond(id, *answer) : parts.api.fail(id, answer.error());
    if (!answer) parts.log.error("{}: {}: {}", id, answer.error().type, answer.error().message);
    if (sent) continue;
    parts.log.error("{}: {}", id, sent.error().text);
    if (must_exit(sent.error())) return kExitTrouble;
    if (answer &&
        sent.error().status != 0) {  // it does not like our answer (413, 400); the caller must hear something
      sent = parts.api.fail(id, {"Runtime.ResponseRefused", sent.error().text});
      if (!sent && must_exit(sent.error())) return kExitTrouble;
    }
  }
}

}  // namespace sluice::lambda
