#include "cloud/local/control/control_plane.hpp"

#include "cloud/local/control/router.hpp"
#include "cloud/local/registry/aws_refusal.hpp"

namespace sluice::cloud {

aws::result<void> ControlPlane::authenticate(const HttpRequest& request) const {
  aws::HttpRequest signed_request;
  signed_request.method = request.method;
  signed_request.url = "https://" + std::string(request.header("host")) + std::string(request.target);
  signed_request.body = request.body;
  signed_request.headers = request.headers;
  const auto now = std::chrono::floor<std::chrono::seconds>(iot_.wall());
  const auto by = aws::verify(signed_request, [&](std::string_view id) { return keys_.find(id, now); }, now);
  if (!by) return by.error();
  if (by->region != iot_.scope().region) {
    return aws_error(
        403, "InvalidSignatureException",
        "Credential should be scoped to the region " + iot_.scope().region + ", not to " + by->region);
  }
  // Models differ: AWS IoT's own name, or that of the API's front.
  if (by->service != "iot" && by->service != "execute-api") {
    return aws_error(403, "InvalidSignatureException",
                     "Credential should be scoped to the service iot, not to " + by->service);
  }
  return {};
}

HttpAnswer ControlPlane::answer(const HttpRequest& request) const {
  if (auto known = authenticate(request); !known) {
    log_.info("{} {} from {}: {}", request.method, request.path(), request.address, known.error().text);
    return control::refusal(known.error());
  }
  HttpAnswer answer = control::route(iot_, request);
  log_.debug("{} {}: {}", request.method, request.path(), answer.status);
  return answer;
}

}  // namespace sluice::cloud
