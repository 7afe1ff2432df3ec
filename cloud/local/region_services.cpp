#include "cloud/local/region_services.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>

#include "cloud/local/control/router.hpp"
#include "cloud/local/registry/aws_refusal.hpp"
#include "cloud/local/tls_context.hpp"

namespace sluice::cloud {
namespace {

constexpr std::size_t kMostSessions = 2000;  // of a service

HttpAnswer too_many(std::string_view service) {
  // The control plane says 400, everybody else 429.
  return service == "control"
             ? control::refusal(aws_error(400, "ThrottlingException", "Rate exceeded"))
             : control::refusal(aws_error(429, "TooManyRequestsException", "Too Many Requests"));
}

CloudHost::Reply fleet_trouble(const std::string& topic, const Faults::ServiceTrouble& trouble) {
  const std::string status = trouble.throttled ? "429" : std::to_string(trouble.status),
                    code = trouble.throttled ? "Throttled" : "InternalServerError";
  return {topic + "/rejected", R"({"statusCode":)" + status + R"(,"errorCode":")" + code +
                                   R"(","errorMessage":"a fault on demand"})"};
}

}  // namespace

std::string public_address(const HostPort& where, std::uint16_t port) {
  boost::system::error_code ec;
  const auto ip = boost::asio::ip::make_address(where.address, ec);
  const std::string host = ip.is_unspecified() ? "localhost"
                           : ip.is_v6()        ? "[" + where.address + "]"
                                               : where.address;
  return host + ":" + std::to_string(port);
}

result<HostPort> place_of(const std::string& option, const RegionOptions& region) {
  auto where = parse_host_port(option);
  if (!where || region.address.empty()) return where;
  const bool v6 = region.address.find(':') != std::string::npos;
  return parse_host_port((v6 ? "[" + region.address + "]" : region.address) + ":" +
                         std::to_string(where->port));
}

RegionServices::RegionServices(Surroundings around, const KeyAndCertificate& authority)
    : around_(std::move(around)),
      root_ca_(authority.certificate),
      iot_(around_.registry, around_.clock, authority, {around_.region.name, around_.options.account},
           [this](std::string_view type) { return endpoint(type); }),
      control_plane_(iot_, around_.keys, around_.log.named("control")),
      front_([this](std::string_view event) { return functions_.cvm(event); }, around_.clock,
             {around_.options.cvm_rate}, around_.log.named("api")),
      provider_(iot_, around_.keys, around_.log.named("credentials")),
      fleet_(
          iot_, [this](std::string_view event) { return functions_.fleet_hook(event); },
          around_.log.named("fleet")),
      first_contact_(
          iot_, around_.publish, [this](std::string_view event) { return functions_.jitr(event); },
          around_.log.named("first-contact")) {}

void RegionServices::meet(const std::map<std::string, std::string>& cvm_urls) {
  FunctionOptions options;
  options.rotate = around_.options.rotate;
  options.listed = around_.options.listed;
  options.regions = cvm_urls;
  functions_ = make_functions(iot_, around_.devices, around_.clock, options, root_ca_, around_.log);
}

result<void> RegionServices::open() {
  const auto& options = around_.options;
  if (auto done = serve("control", options.control, &RegionServices::control, false); !done) return done;
  if (auto done = serve("cvm", options.cvm, &RegionServices::cvm, false); !done) return done;
  return serve("credentials", options.credentials, &RegionServices::credentials, true);
}

result<void> RegionServices::serve(const char* name, const std::string& place, Handler handler, bool mutual) {
  if (place.empty()) return {};
  const auto where = place_of(place, around_.region);
  if (!where) return where.error();
  auto tls = make_tls_context(around_.options.directory, mutual ? TlsUse::mutual_https : TlsUse::https,
                              around_.registry, around_.clock, around_.log.named(name));
  if (!tls) return tls.error();
  const HttpOptions options{around_.loop, around_.clock, *where, *tls, around_.region.latency, kMostSessions};
  auto server =
      make_http_server(options, [this, service = std::string(name), handler](const HttpRequest& request) {
        return guarded(service, handler, request);
      });
  if (!server) return server.error();
  services_.push_back({name, *where, std::move(*server)});
  return {};
}

HttpAnswer RegionServices::guarded(const std::string& service, Handler handler, const HttpRequest& request) {
  const auto trouble = around_.faults.trouble(service);
  HttpAnswer answer;
  if (trouble.throttled) {
    answer = too_many(service);
  } else if (trouble.status != 0) {
    answer = control::refusal(
        aws_error(trouble.status, "ServiceUnavailableException", "fault " + service + "-error"));
  } else {
    answer = (this->*handler)(request);
  }
  if (answer.status == 429)
    around_.log.named(service).info("{} {} from {}: 429", request.method, request.path(), request.address);
  answer.delay += trouble.delay;
  answer.lost = trouble.lost;
  return answer;
}

CloudHost::Request RegionServices::request(std::string_view topic) {
  auto request = fleet_.request(topic);
  if (!request) return {};
  return [this, request = std::move(request), topic = std::string(topic)](
             ClientContext& client, std::string_view payload) -> std::optional<CloudHost::Reply> {
    if (around_.faults.service_outage("fleet")) return std::nullopt;
    const auto trouble = around_.faults.trouble("fleet");
    if (trouble.throttled || trouble.status != 0) return fleet_trouble(topic, trouble);
    auto reply = request(client, payload);
    if (trouble.lost) return std::nullopt;
    if (reply) reply->delay = trouble.delay;
    return reply;
  };
}

void RegionServices::first_contact(const std::string& certificate_pem) {
  first_contact_.made(certificate_pem);
}

bool RegionServices::follow_faults() {
  bool all = true;
  for (auto& service : services_) {
    const bool down = around_.faults.outage() || around_.faults.service_outage(service.name);
    if (down && !service.down) {
      service.server->close();
      service.down = true;
    } else if (!down && service.down) {
      if (auto done = service.server->open(); done) {
        service.down = false;
      } else {
        around_.log.error("after the outage: {}", done.error().text);
        all = false;
      }
    }
  }
  return all;
}

void RegionServices::close() {
  for (auto& service : services_) service.server->close();
}

Ports RegionServices::ports() const {
  Ports ports;
  for (const auto& service : services_) {
    (service.name == "control" ? ports.control
     : service.name == "cvm"   ? ports.cvm
                               : ports.credentials) = service.server->port();
  }
  return ports;
}

std::string RegionServices::address_of(std::string_view name) const {
  for (const auto& service : services_) {
    if (service.name == name) return public_address(service.where, service.server->port());
  }
  return {};
}

std::string RegionServices::cvm_url() const {
  const auto address = address_of("cvm");
  return address.empty() ? std::string() : "https://" + address + "/Prod";
}

std::string RegionServices::endpoint(std::string_view type) const {
  if (type == "iot:Data-ATS") return around_.mqtt_endpoint();
  if (type == "iot:CredentialProvider") return address_of("credentials");
  return {};
}

}  // namespace sluice::cloud
