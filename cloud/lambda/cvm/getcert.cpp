#include "cloud/lambda/cvm/getcert.hpp"

#include <nlohmann/json.hpp>
#include <optional>

#include "aws/json_text.hpp"

namespace sluice::lambda::cvm {
namespace {

using nlohmann::json;

Generation generation_of(const ApiRequest& request, const Settings& settings) {
  if (request.stage == "LATEST") return Generation::first;
  if (request.stage == "Prod") return Generation::second;
  return settings.generation;
}

// From the body of JSON, or else the query; under the awslabs name or ours.
std::string input(const ApiRequest& request, const json& body, const char* name, const char* alias) {
  for (const char* key : {name, alias}) {
    if (const auto it = body.is_object() ? body.find(key) : body.end(); it != body.end() && it->is_string()) {
      return it->get<std::string>();
    }
    if (const auto value = request.parameter(key); !value.empty()) return std::string(value);
  }
  return {};
}

ApiResponse plain(std::string text) { return {500, {{"content-type", "text/plain"}}, std::move(text)}; }
ApiResponse words(const char* text) {
  return {200, {{"content-type", "application/json"}}, json(text).dump()};
}

// Generation 1 says "Identical serial number error!" where the name was taken; generation 2 knows no such
// case.
ApiResponse refused(const aws::cvm::Refusal& refusal, Generation generation) {
  const bool first = generation == Generation::first;
  if (refusal.status == 401) return first ? words("Access Deny!") : plain("Access Denied");
  if (refusal.code == "AlreadyRegistered") {
    return first ? words("Identical serial number error!") : plain("Error issuing certificate!");
  }
  if (refusal.status == 400) return first ? words("Service error: 500!") : plain("Bad Request");
  if (refusal.status == 409)
    return first ? words("Service error: 500!") : plain("Error issuing certificate!");
  return first ? words("Service error: 500!") : plain("Service error");
}

}  // namespace

ApiResponse getcert(const ApiRequest& request, Redemption& redemption, const Settings& settings) {
  const auto generation = generation_of(request, settings);
  const auto body =
      request.body.size() <= aws::cvm::kMaxBody ? json::parse(request.body, nullptr, false) : json();
  const Wanted wanted{
      .productid = input(request, body, "serialNumber", "productid"),
      .access_token = input(request, body, "deviceToken", "accessToken"),
      .csr = {},
      .key_hash = {},
      .reissue = settings.reissue,
  };
  if (wanted.productid.empty() || wanted.access_token.empty()) {
    return generation == Generation::first ? words("Access Deny!") : plain("Bad Request");
  }
  const auto issued = redemption.redeem(wanted);
  if (!issued) return refused(issued.error(), generation);
  return {200,
          {{"content-type", "application/json"}, {"cache-control", "no-store"}},
          json{{"certificateArn", issued->certificate.arn},
               {"certificateId", issued->certificate.id},
               {"certificatePem", issued->certificate.pem},
               {"keyPair", {{"PublicKey", issued->public_key}, {"PrivateKey", issued->private_key}}},
               {"RootCA", settings.root_ca}}
              .dump()};
}

}  // namespace sluice::lambda::cvm
