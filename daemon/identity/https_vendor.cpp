#include "identity/https_vendor.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "identity/sealing_key.hpp"

namespace sluice::identity {
namespace {

// The desk lets fewer through; this bounds what may pile up if it did not.
constexpr std::size_t kMostWaiting = 256;
constexpr std::size_t kMostHttpAnswer = 64 * 1024;

}  // namespace

Refusal refusal_of(const aws::Error& error, const std::string& url) {
  using Kind = aws::Error::Kind;
  Refusal refusal;
  refusal.retry_after = error.retry_after;
  switch (error.kind) {
    case Kind::denied:
      refusal.kind = Refusal::Kind::denied;
      refusal.text = "the provisioning service refuses the productid or its token";
      break;
    case Kind::conflict:
      refusal.kind = Refusal::Kind::clash;
      refusal.text = "registered already, and the service does not issue again: " + error.text;
      break;
    case Kind::invalid:
    case Kind::not_found:
      refusal.kind = Refusal::Kind::wrong;
      refusal.text = "the provisioning service does not take the request: " + error.text;
      break;
    case Kind::protocol:
      refusal.kind = Refusal::Kind::wrong;
      refusal.text = "the provisioning service's answer is not as documented: " + error.text;
      break;
    case Kind::throttled:
    case Kind::unavailable:
      refusal.text = "the provisioning service asks for patience: " + error.text;
      // 409 InProgress speaks of this device only.
      refusal.for_all = error.status == 429 || error.status == 503;
      break;
    case Kind::network:
    case Kind::timeout:
    case Kind::tls:
      refusal.text = fmt::format("the provisioning service {} cannot be reached: {}", url, error.text);
      refusal.reached = false;
      break;
  }
  return refusal;
}

result<std::unique_ptr<HttpsCalls>> HttpsCalls::make(const VendorParts& parts) {
  const auto& options = parts.options.cloud.provisioning;
  std::string ca;
  if (!options.ca.empty()) {
    std::ifstream file(options.ca);
    std::ostringstream text;
    text << file.rdbuf();
    ca = text.str();
    if (ca.empty()) {
      return Error{errc::io,
                   fmt::format("cloud.provisioning.ca: {} cannot be read, or is empty", options.ca.string())};
    }
  }
  Secret api_key;
  if (!options.api_key_file.empty()) {
    auto key = read_secret_file(options.api_key_file, "the API key", true);
    if (!key) return key.error();
    api_key = std::move(*key);
  }
  return std::unique_ptr<HttpsCalls>(new HttpsCalls(parts, std::move(ca), std::move(api_key)));
}

HttpsCalls::HttpsCalls(const VendorParts& parts, std::string ca, Secret api_key)
    : url_(parts.options.cloud.provisioning.url),
      timeout_(parts.options.cloud.provisioning.timeout),
      api_key_(std::move(api_key)),
      workers_(parts.loop, parts.options.cloud.provisioning.at_once, kMostWaiting) {
  while (url_.ends_with('/')) url_.pop_back();
  aws::HttpOptions options;
  options.ca_pem = std::move(ca);
  options.most_response = kMostHttpAnswer;
  options.cancelled = &stopping_;
  http_ = parts.http ? parts.http(std::move(options)) : aws::make_http(std::move(options));
}

HttpsCalls::~HttpsCalls() { stopping_ = true; }

void HttpsCalls::send(Call call, Judge judge, std::function<void(Answer)> done) {
  auto answer = std::make_shared<Answer>(Refusal{});
  auto work = [this, call = std::move(call), judge = std::move(judge), answer]() mutable {
    aws::HttpRequest request;
    request.method = std::move(call.method);
    request.url = url_ + call.path;
    wipe(call.path);  // awslabs has the token in it
    request.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(timeout_);
    request.body = call.body.text();
    if (!request.body.empty()) request.headers.emplace_back("content-type", "application/json");
    request.headers.emplace_back("accept", "application/json");
    if (!api_key_.empty()) request.headers.emplace_back("x-api-key", api_key_.text());
    for (const auto& [name, value] : call.headers) request.headers.emplace_back(name, value.text());
    auto response = http_->send(request);
    for (auto& [name, value] : request.headers) wipe(value);
    wipe(request.body);
    wipe(request.url);
    if (response) {
      *answer = judge(*response);
      wipe(response->body);
    } else {
      *answer = refusal_of(response.error(), url_);
    }
  };
  auto shared = std::make_shared<std::function<void(Answer)>>(std::move(done));
  if (!workers_.submit(std::move(work), [answer, shared] { (*shared)(std::move(*answer)); })) {
    (*shared)(
        Refusal{Refusal::Kind::later, "too many requests wait for the provisioning service", {}, false});
  }
}

}  // namespace sluice::identity
