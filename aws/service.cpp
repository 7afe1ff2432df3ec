#include "aws/service.hpp"

#include "aws/endpoints.hpp"
#include "aws/service_error.hpp"
#include "aws/sigv4.hpp"
#include "aws/url.hpp"

namespace sluice::aws {

Service::Service(std::string_view name, ServiceOptions options, const Caller& caller)
    : name_(name),
      region_(std::move(options.region)),
      origin_(options.endpoint.empty() ? "https://" + service_host(name, region_)
                                       : std::move(options.endpoint)),
      signing_name_(options.signing_name.empty() ? std::string(name) : std::move(options.signing_name)),
      retry_(options.retry),
      timeout_(options.timeout),
      caller_(caller) {
  while (origin_.ends_with('/')) origin_.pop_back();
  const auto url = split_url(origin_);
  host_ = url ? std::string(url->authority) : origin_;
}

result<HttpResponse> Service::call(const ServiceCall& call) const {
  return with_retries(retry_, caller_.waiting, call.repeat, [&] { return once(call); });
}

result<HttpResponse> Service::once(const ServiceCall& call) const {
  auto credentials = caller_.credentials.credentials();
  if (!credentials) return std::move(credentials).error();
  HttpRequest request;
  request.method = call.method;
  request.url = origin_ + call.path;
  request.headers = call.headers;
  request.body = call.body;
  request.timeout = timeout_;
  SigningScope scope;
  scope.region = region_;
  scope.service = signing_name_;
  scope.time = caller_.now();
  sign(request, *credentials, scope);
  auto response = caller_.http.send(request);
  const auto where = name_ + " " + std::string(call.action) + " at " + host_;
  if (!response) {
    auto error = std::move(response).error();
    error.text = where + ": " + error.text;
    return error;
  }
  if (response->status < 200 || response->status > 299) return service_error(*response, where);
  return response;
}

Error Service::not_understood(std::string_view action) const {
  return {Error::Kind::protocol,
          0,
          {},
          name_ + " " + std::string(action) + " at " + host_ +
              ": the answer is not what the service documents; check the endpoint and what stands between",
          {}};
}

}  // namespace sluice::aws
