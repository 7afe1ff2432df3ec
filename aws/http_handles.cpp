#include "aws/http_handles.hpp"

#include "aws/http_sigpipe.hpp"

namespace sluice::aws {
namespace {
constexpr std::size_t kMostIdle = 8;
}

HttpHandles::HttpHandles() {
  curl_global_init(CURL_GLOBAL_DEFAULT);  // counted, and safe with threads since curl 7.84
}

HttpHandles::~HttpHandles() {
  const NoSigpipe guard;  // closing says goodbye
  idle_.clear();
  curl_global_cleanup();
}

Handle HttpHandles::take() {
  {
    const std::scoped_lock lock(mutex_);
    if (!idle_.empty()) {
      Handle handle = std::move(idle_.back());
      idle_.pop_back();
      return handle;
    }
  }
  return Handle(curl_easy_init());
}

void HttpHandles::give_back(Handle handle) {
  curl_easy_reset(handle.get());  // forgets keys and callbacks, keeps the connections
  const std::scoped_lock lock(mutex_);
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(handle));
}

}  // namespace sluice::aws
