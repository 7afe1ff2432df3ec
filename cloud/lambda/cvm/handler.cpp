#include "cloud/lambda/cvm/handler.hpp"

#include <utility>

#include "cloud/lambda/cvm/getcert.hpp"
#include "cloud/lambda/public_key.hpp"
#include "cloud/lambda/token_check.hpp"

namespace sluice::lambda::cvm {
namespace {

using aws::cvm::Refusal;

ApiResponse answer(const Refusal& refusal) {
  ApiResponse response{refusal.status, {{"content-type", "application/json"}}, aws::cvm::to_json(refusal)};
  if (refusal.retry_after_s) response.headers.emplace("retry-after", std::to_string(*refusal.retry_after_s));
  return response;
}

Refusal bad_request(std::string message) {
  return {.status = 400, .code = "BadRequest", .message = std::move(message), .retry_after_s = {}};
}

// Custom domains put what they like before it.
bool is_of(std::string_view path, std::string_view end) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.ends_with(end);
}

}  // namespace

CvmHandler::CvmHandler(aws::IotControl& iot, DeviceTable& table, Settings settings, Now now, Log log)
    : iot_(iot),
      settings_(std::move(settings)),
      log_(log),
      redemption_(iot, table, settings_, std::move(now), std::move(log)),
      endpoints_(settings_.data_endpoint, settings_.credentials_endpoint) {}

Answer CvmHandler::operator()(std::string_view event) {
  const auto request = parse_api_request(event);
  if (!request) return FunctionError{"Event.Malformed", request.error().text};
  return to_json(respond(*request));
}

ApiResponse CvmHandler::respond(const ApiRequest& request) {
  const auto& path = request.path;
  if (is_of(path, "/certificates") && request.method == "POST") return certificates(request);
  if (is_of(path, "/certificates/retire") && request.method == "POST") return retire(request);
  if (is_of(path, "/getcert") && request.method == "GET") return getcert(request, redemption_, settings_);
  return answer({.status = 404,
                 .code = "NotFound",
                 .message = "here are POST /certificates, POST /certificates/retire and GET /getcert",
                 .retry_after_s = {}});
}

ApiResponse CvmHandler::certificates(const ApiRequest& request) {
  const auto asked = aws::cvm::parse_request(request.body);
  if (!asked) return answer(bad_request(asked.error().text));
  const auto vended = vend(*asked);
  if (!vended) return answer(vended.error());
  return {
      200, {{"content-type", "application/json"}, {"cache-control", "no-store"}}, aws::cvm::to_json(*vended)};
}

ApiResponse CvmHandler::retire(const ApiRequest& request) {
  const auto asked = aws::cvm::parse_retire_request(request.body);
  if (!asked) return answer(bad_request(asked.error().text));
  const auto retired = redemption_.retire(*asked);
  if (!retired) return answer(retired.error());
  return {200, {{"content-type", "application/json"}}, aws::cvm::retired_json(*retired)};
}

boost::system::result<aws::cvm::Vended, Refusal> CvmHandler::vend(const aws::cvm::Request& request) {
  if (!request.region.empty() && request.region != settings_.region) {
    const auto there = settings_.regions.find(request.region);
    return bad_request("this is " + settings_.region + "; " +
                       (there == settings_.regions.end()
                            ? "no service is known for " + request.region
                            : request.region + " is served by " + there->second));
  }
  const auto key_hash = key_hash_of_csr(request.csr);
  if (!key_hash) return bad_request(key_hash.error().text);
  // Before the token is spent: without them a certificate is of no use.
  const auto places = endpoints();
  if (!places) {
    log_.error("DescribeEndpoint: {} {}", places.error().code, places.error().text);
    return refusal_of(places.error());
  }
  auto issued = redemption_.redeem({.productid = request.productid,
                                    .access_token = request.access_token,
                                    .csr = request.csr,
                                    .key_hash = *key_hash,
                                    .reissue = settings_.reissue});
  if (!issued) return issued.error();
  return aws::cvm::Vended{.certificate_pem = std::move(issued->certificate.pem),
                          .certificate_id = std::move(issued->certificate.id),
                          .certificate_arn = std::move(issued->certificate.arn),
                          .thing_name = std::move(issued->device.productid),
                          .product = std::move(issued->device.product),
                          .region = settings_.region,
                          .data_endpoint = places->first,
                          .credentials_endpoint = places->second,
                          .role_alias = settings_.role_alias,
                          .root_ca = settings_.root_ca};
}

aws::result<std::pair<std::string, std::string>> CvmHandler::endpoints() {
  const std::scoped_lock lock(endpoints_mutex_);
  if (endpoints_.first.empty()) {
    auto data = iot_.endpoint("iot:Data-ATS");
    if (!data) return data.error();
    endpoints_.first = std::move(*data);
  }
  if (endpoints_.second.empty()) {
    auto credentials = iot_.endpoint("iot:CredentialProvider");
    if (!credentials) return credentials.error();
    endpoints_.second = std::move(*credentials);
  }
  return endpoints_;
}

}  // namespace sluice::lambda::cvm
