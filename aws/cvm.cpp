#include "aws/cvm.hpp"

#include <algorithm>
#include <initializer_list>

#include "aws/endpoints.hpp"
#include "aws/json_text.hpp"
#include "aws/service_error.hpp"

namespace sluice::aws::cvm {
namespace {

constexpr std::size_t kMaxPem = 8 * 1024;
constexpr std::size_t kMaxName = 256;  // of a host, an alias, a product
constexpr std::size_t kMaxArn = 2048;

Error invalid(std::string text) { return {Error::Kind::invalid, 400, "BadRequest", std::move(text), {}}; }

result<nlohmann::json> object_of(std::string_view body) {
  if (body.size() > kMaxBody) return invalid("the body has more than " + std::to_string(kMaxBody) + " bytes");
  auto object = parse_object(body, kMaxBody);
  if (!object) return invalid("the body is no JSON object");
  return {boost::system::in_place_value, std::move(*object)};
}

bool is_name(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' ||
           c == '_' || c == '-';
  });
}

bool is_certificate_id(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Printed into logs, topics and commands of others later: no control characters, no blanks.
bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
}

bool is_pem(std::string_view text, std::string_view what) {
  return text.find("-----BEGIN " + std::string(what) + "-----") != std::string_view::npos &&
         text.find("-----END " + std::string(what) + "-----") != std::string_view::npos;
}

struct Field {
  std::string_view key;
  std::string* into;
  std::size_t most;
  bool needed;
};

// What is wrong, in words; empty: all fields are read.
std::string read(const nlohmann::json& object, std::initializer_list<Field> fields) {
  for (const auto& [key, into, most, needed] : fields) {
    const auto quoted = "\"" + std::string(key) + "\"";
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) {
      if (needed) return quoted + " is missing";
      continue;
    }
    if (!found->is_string()) return quoted + " must be a string";
    const auto& value = found->get_ref<const std::string&>();
    if (needed && value.empty()) return quoted + " is empty";
    if (value.size() > most) {
      return quoted + " has " + std::to_string(value.size()) + " bytes; at most " + std::to_string(most);
    }
    *into = value;
  }
  return {};
}

Error not_the_contract(unsigned status, const std::string& what) {
  return {Error::Kind::protocol,
          status,
          {},
          "the certificate vending service answered HTTP " + std::to_string(status) + ", but " + what +
              "; check that the URL is the vending service's",
          {}};
}

result<Vended> vended_from(unsigned status, std::string_view body) {
  const auto object = parse_object(body, kMaxBody);
  if (!object) return not_the_contract(status, "not with a JSON object of at most 16 KiB");
  Vended out;
  const auto problem = read(*object, {{"certificatePem", &out.certificate_pem, kMaxPem, true},
                                      {"certificateId", &out.certificate_id, 64, true},
                                      {"certificateArn", &out.certificate_arn, kMaxArn, true},
                                      {"thingName", &out.thing_name, kMaxProductId, true},
                                      {"dataEndpoint", &out.data_endpoint, kMaxName, true},
                                      {"region", &out.region, 32, false},
                                      {"product", &out.product, kMaxName, false},
                                      {"credentialsEndpoint", &out.credentials_endpoint, kMaxName, false},
                                      {"roleAlias", &out.role_alias, 128, false},
                                      {"rootCa", &out.root_ca, kMaxPem, false}});
  if (!problem.empty()) return not_the_contract(status, problem);
  if (!is_pem(out.certificate_pem, "CERTIFICATE"))
    return not_the_contract(status, "certificatePem is no PEM");
  if (!is_certificate_id(out.certificate_id)) {
    return not_the_contract(status, "certificateId is not 64 hex digits");
  }
  if (!is_name(out.thing_name)) return not_the_contract(status, "thingName is no name of a thing");
  for (const auto* value :
       {&out.certificate_arn, &out.data_endpoint, &out.credentials_endpoint, &out.role_alias, &out.region}) {
    if (!is_visible(*value)) return not_the_contract(status, "a field has blanks or control characters");
  }
  return out;
}

// Our error shape; nothing: somebody else speaks (the API's front, a proxy).
std::optional<Refusal> refusal_from(unsigned status, std::string_view body) {
  const auto object = parse_object(body, kMaxBody);
  if (!object) return std::nullopt;
  const auto error = object->find("error");
  if (error == object->end() || !error->is_object()) return std::nullopt;
  Refusal out;
  out.status = status;
  out.code = text_in(*error, "code");
  out.message = text_in(*error, "message");
  if (out.code.empty() || out.code.size() > 64 || !is_name(out.code)) return std::nullopt;
  if (out.message.size() > 500) out.message.resize(500);
  std::ranges::replace_if(out.message, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  if (const auto after = error->find("retryAfterSeconds");
      after != error->end() && after->is_number_unsigned()) {
    const auto seconds = after->get<std::uint64_t>();
    if (seconds <= 86400) out.retry_after_s = static_cast<unsigned>(seconds);
  }
  return out;
}

Error::Kind kind_of(unsigned status, const std::optional<Refusal>& refusal) {
  if (status == 429) return Error::Kind::throttled;
  if (status >= 500 || status == 408) return Error::Kind::unavailable;
  // Without our shape it is the front that speaks: a missing API key, a wrong path, a firewall. It says
  // nothing of the token, and a device must not be given up for it.
  if (!refusal) return status == 400 || status == 413 ? Error::Kind::invalid : Error::Kind::unavailable;
  if (refusal->code == "InProgress") return Error::Kind::unavailable;
  if (status == 401 || status == 403) return Error::Kind::denied;
  if (status == 409) return Error::Kind::conflict;
  if (status == 404) return Error::Kind::not_found;
  return status >= 400 ? Error::Kind::invalid : Error::Kind::protocol;
}

Error refused(unsigned status, std::string_view body, std::string_view retry_after_header) {
  const auto refusal = refusal_from(status, body);
  Error error;
  error.status = status;
  error.kind = kind_of(status, refusal);
  error.text = "the certificate vending service answered HTTP " + std::to_string(status);
  if (refusal) {
    error.code = refusal->code;
    error.text += " " + refusal->code + ": " + refusal->message;
  } else {
    error.text += " without saying why; check the URL, the API key and what stands between";
  }
  error.retry_after = parse_retry_after(retry_after_header);
  if (!error.retry_after && refusal && refusal->retry_after_s) {
    error.retry_after = std::chrono::seconds(*refusal->retry_after_s);
  }
  return error;
}

constexpr std::string_view kBadName = "\"productid\" may have letters, digits, ':', '_' and '-' only";

}  // namespace

std::string to_json(const Request& request) {
  nlohmann::json object = {
      {"productid", request.productid}, {"accessToken", request.access_token}, {"csr", request.csr}};
  if (!request.region.empty()) object["region"] = request.region;
  return dumped(object);
}

std::string to_json(const RetireRequest& request) {
  nlohmann::json object = {{"productid", request.productid}, {"accessToken", request.access_token}};
  if (!request.keep.empty()) object["keep"] = request.keep;
  return dumped(object);
}

std::vector<std::pair<std::string, std::string>> authorizer_headers(const std::string& productid,
                                                                    const std::string& access_token) {
  const bool fits =
      !access_token.empty() && std::ranges::all_of(access_token, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!fits || !is_name(productid)) return {};
  return {{"productid", productid}, {"accesstoken", access_token}};
}

std::string to_json(const Vended& vended) {
  return dumped({{"certificatePem", vended.certificate_pem},
                 {"certificateId", vended.certificate_id},
                 {"certificateArn", vended.certificate_arn},
                 {"thingName", vended.thing_name},
                 {"product", vended.product},
                 {"region", vended.region},
                 {"dataEndpoint", vended.data_endpoint},
                 {"credentialsEndpoint", vended.credentials_endpoint},
                 {"roleAlias", vended.role_alias},
                 {"rootCa", vended.root_ca}});
}

std::string retired_json(const std::vector<std::string>& certificate_ids) {
  return dumped({{"retired", certificate_ids}});
}

std::string to_json(const Refusal& refusal) {
  nlohmann::json error = {{"code", refusal.code}, {"message", refusal.message}};
  if (refusal.retry_after_s) error["retryAfterSeconds"] = *refusal.retry_after_s;
  return dumped({{"error", error}});
}

result<Request> parse_request(std::string_view body) {
  const auto object = object_of(body);
  if (!object) return object.error();
  Request out;
  const auto problem = read(*object, {{"productid", &out.productid, kMaxProductId, true},
                                      {"accessToken", &out.access_token, kMaxAccessToken, true},
                                      {"csr", &out.csr, kMaxCsr, true},
                                      {"region", &out.region, 32, false}});
  if (!problem.empty()) return invalid(problem);
  if (!is_name(out.productid)) return invalid(std::string(kBadName));
  if (!is_pem(out.csr, "CERTIFICATE REQUEST") && !is_pem(out.csr, "NEW CERTIFICATE REQUEST")) {
    return invalid("\"csr\" must be a certificate signing request in PEM");
  }
  if (!out.region.empty() && !is_region(out.region))
    return invalid("\"region\" is no region, like eu-central-1");
  return out;
}

result<RetireRequest> parse_retire_request(std::string_view body) {
  const auto object = object_of(body);
  if (!object) return object.error();
  RetireRequest out;
  const auto problem = read(*object, {{"productid", &out.productid, kMaxProductId, true},
                                      {"accessToken", &out.access_token, kMaxAccessToken, true},
                                      {"keep", &out.keep, 64, false}});
  if (!problem.empty()) return invalid(problem);
  if (!is_name(out.productid)) return invalid(std::string(kBadName));
  // A slip here must not take everything out of use.
  if (object->contains("keep") && !is_certificate_id(out.keep))
    return invalid("\"keep\" must be a certificate id, 64 hex digits; leave it out to keep none");
  return out;
}

result<Vended> parse_response(unsigned status, std::string_view body, std::string_view retry_after_header) {
  if (status == 200) return vended_from(status, body);
  return refused(status, body, retry_after_header);
}

result<std::vector<std::string>> parse_retire_response(unsigned status, std::string_view body,
                                                       std::string_view retry_after_header) {
  if (status != 200) return refused(status, body, retry_after_header);
  const auto object = parse_object(body, kMaxBody);
  const auto ids = object ? object->find("retired") : nlohmann::json::const_iterator();
  if (!object || ids == object->end() || !ids->is_array())
    return not_the_contract(status, "not with a list \"retired\"");
  std::vector<std::string> retired;
  for (const auto& id : *ids) {
    if (!id.is_string() || !is_certificate_id(id.get_ref<const std::string&>()))
      return not_the_contract(status, "what it has retired is no certificate id");
    retired.push_back(id.get<std::string>());
  }
  return retired;
}

}  // namespace sluice::aws::cvm
