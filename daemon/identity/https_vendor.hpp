// What the vendors behind HTTPS share: threads for calls that block, the service's roots and API key, and the
// words for what went wrong on the way. Used by cvm.cpp and awslabs.cpp.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/workers.hpp"
#include "identity/vendor.hpp"

namespace sluice::identity {

class HttpsCalls {
 public:
  static result<std::unique_ptr<HttpsCalls>> make(const VendorParts& parts);
  ~HttpsCalls();

  using Headers = std::vector<std::pair<std::string, Secret>>;
  struct Call {
    std::string method, path;  // path is appended to cloud.provisioning.url
    Headers headers;           // besides those that every call has
    Secret body;
  };
  // judge() makes an answer of the response, on the thread.
  using Judge = std::function<Answer(const aws::HttpResponse&)>;
  void send(Call call, Judge judge, std::function<void(Answer)> done);
  const std::string& url() const { return url_; }

 private:
  HttpsCalls(const VendorParts& parts, std::string ca, Secret api_key);

  std::string url_;
  Duration timeout_;
  Secret api_key_;
  std::atomic<bool> stopping_ = false;
  std::unique_ptr<aws::Http> http_;
  Workers workers_;  // last: joined first
};

// Of an error without an answer: always worth another try, in words for an operator.
Refusal refusal_of(const aws::Error& error, const std::string& url);

}  // namespace sluice::identity
