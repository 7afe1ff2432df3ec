#include "aws/iot_credentials.hpp"

#include "aws/json_text.hpp"
#include "aws/service_error.hpp"
#include "aws/time_text.hpp"
#include "aws/url.hpp"

namespace sluice::aws {
namespace {

constexpr std::size_t kMostCredentials = 64 * 1024;

std::optional<TemporaryCredentials> credentials_in(std::string_view body) {
  const auto object = parse_object(body, kMostCredentials);
  if (!object) return std::nullopt;
  const auto found = object->find("credentials");
  if (found == object->end() || !found->is_object()) return std::nullopt;
  TemporaryCredentials out;
  out.credentials = {text_in(*found, "accessKeyId"), text_in(*found, "secretAccessKey"),
                     text_in(*found, "sessionToken")};
  const auto expiration = parse_iso_time(text_in(*found, "expiration"));
  if (out.credentials.access_key_id.empty() || out.credentials.secret_access_key.empty() ||
      out.credentials.session_token.empty() || !expiration) {
    return std::nullopt;
  }
  out.expiration = *expiration;
  return out;
}

}  // namespace

result<TemporaryCredentials> fetch_credentials(Http& http, const CredentialsRequest& request) {
  const auto where = "credentials provider at " + request.endpoint + ", role alias " + request.role_alias;
  if (request.endpoint.empty() || request.role_alias.empty()) {
    return invalid_argument(where + ": endpoint and role alias must both be known");
  }
  HttpRequest out;
  out.url =
      "https://" + request.endpoint + "/role-aliases/" + percent_encode(request.role_alias) + "/credentials";
  if (!request.thing.empty()) out.headers.emplace_back("x-amzn-iot-thingname", request.thing);
  out.timeout = request.timeout;
  const auto response = http.send(out);
  if (!response) {
    auto error = response.error();
    error.text = where + ": " + error.text;
    return error;
  }
  if (response->status == 200) {
    if (const auto credentials = credentials_in(response->body)) return *credentials;
    return Error{
        Error::Kind::protocol,
        200,
        {},
        where +
            ": the answer holds no credentials; check that the endpoint is of type iot:CredentialProvider",
        {}};
  }
  auto error = service_error(*response, where);
  if (response->status == 403) {
    error.text +=
        "; check that the certificate is active, that its policy allows iot:AssumeRoleWithCertificate on the "
        "role alias, that the role trusts credentials.iot.amazonaws.com";
    if (!request.thing.empty())
      error.text += ", and that thing " + request.thing + " is attached to the certificate";
  }
  return error;
}

}  // namespace sluice::aws
