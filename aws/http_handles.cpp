#include "aws/http_handles.hpp"

#include "aws/http_sigpipe.hpp"

namespace sluice::aws {
namespace {
constexpr std::size_t kMostIdle = 8;
}

HttpHandles::~HttpHandles() {
  if (!curl_) return;
  const NoSigpipe guard;  // closing says goodbye
  idle_.clear();
  curl_->global_cleanup();
}

result<const CurlLibrary*> HttpHandles::library() {
  const std::scoped_lock lock(mutex_);
  if (!curl_) {
    auto loaded = load_curl(curl_file_);
    if (!loaded) return loaded.error();
    loaded->global_init(CURL_GLOBAL_DEFAULT);  // counted, and safe with threads since curl 7.84
    curl_ = *loaded;
  }
  return &*curl_;
}

Handle HttpHandles::take(const CurlLibrary& curl) {
  {
    const std::scoped_lock lock(mutex_);
    if (!idle_.empty()) {
      Handle handle = std::move(idle_.back());
      idle_.pop_back();
      return handle;
    }
  }
  return {curl.easy_init(), curl.easy_cleanup};
}

void HttpHandles::give_back(const CurlLibrary& curl, Handle handle) {
  curl.easy_reset(handle.get());  // forgets keys and callbacks, keeps the connections
  const std::scoped_lock lock(mutex_);
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(handle));
}

}  // namespace sluice::aws
