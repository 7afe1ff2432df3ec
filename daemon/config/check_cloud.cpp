#include <algorithm>
#include <array>
#include <charconv>

#include "config/reader.hpp"
#include "core/topic_template.hpp"
#include "mqtt/topic.hpp"

namespace sluice::config {
namespace {

constexpr std::string_view kAmazon = ".amazonaws.com";

struct HostPort {
  std::string_view host, port;
};

HostPort split(std::string_view endpoint) {
  const auto bracket = endpoint.rfind(']');  // [IPv6]:port
  const auto colon = endpoint.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return {endpoint, {}};
  return {endpoint.substr(0, colon), endpoint.substr(colon + 1)};
}

bool valid_host(std::string_view host) {
  if (host.starts_with('[')) return host.size() > 2 && host.ends_with(']');
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

bool valid_port(std::string_view port) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
  return error == std::errc{} && end == port.data() + port.size() && value >= 1 && value <= 65535;
}

bool on_this_machine(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

// P-ats.iot.REGION.amazonaws.com
std::string region_of(std::string_view host) {
  const auto iot = host.find(".iot."), end = host.find(kAmazon);
  if (iot == std::string_view::npos || end == std::string_view::npos || iot + 5 >= end) return {};
  return std::string(host.substr(iot + 5, end - iot - 5));
}

void check_endpoint(CloudOptions& cloud, Findings& findings) {
  const std::string key = "cloud.endpoint";
  if (!findings.has(key)) {
    if (cloud.provisioning.method != ProvisioningOptions::Method::cvm) {
      findings.problem(
          key, "is missing; only a provisioning service (cloud.provisioning.method: cvm) can tell it");
    }
    return;
  }
  const auto scheme = cloud.endpoint.find("://");
  if (scheme != std::string::npos) {
    findings.problem(key, "found a URL, allowed: host or host:port, without '" +
                              cloud.endpoint.substr(0, std::min<std::size_t>(scheme, 20)) + "://'");
    return;
  }
  const auto [host, port] = split(cloud.endpoint);
  if (!valid_host(host) || (cloud.endpoint.size() > host.size() && !valid_port(port))) {
    findings.problem(
        key, "found '" + cloud.endpoint.substr(0, 80) + "', allowed: host or host:port, port 1 to 65535");
    return;
  }
  if (host.find(kAmazon) != std::string_view::npos && host.find("-ats.") == std::string_view::npos) {
    findings.warning(
        key, "an endpoint without -ats has a certificate of the retired VeriSign root; ask for iot:Data-ATS");
  }
  if (port == "443" && cloud.alpn.empty() && host.find(kAmazon) != std::string_view::npos) {
    findings.warning(key, "AWS speaks MQTT on port 443 only with cloud.alpn: x-amzn-mqtt-ca");
  }
  if (cloud.region.empty()) cloud.region = region_of(host);
}

void check_tls(const CloudOptions& cloud, Findings& findings) {
  const auto& tls = cloud.tls;
  const bool any = !tls.certificate.empty() || !tls.key.empty() || !tls.ca.empty();
  if (!any && cloud.provisioning.method == ProvisioningOptions::Method::given &&
      on_this_machine(split(cloud.endpoint).host)) {
    findings.warning("cloud.endpoint",
                     "no cloud.tls: the connection is plain TCP; for a stand-in on this machine only");
    return;
  }
  if (!findings.has("cloud.endpoint")) return;
  using Method = ProvisioningOptions::Method;
  const auto method = cloud.provisioning.method;
  if (method != Method::given) {
    if (!tls.certificate.empty() || !tls.key.empty()) {
      findings.problem(
          "cloud.tls.certificate",
          "is there, but the gateway's identity is provisioned (cloud.provisioning), allowed: one of them");
    }
    if (tls.ca.empty() && method != Method::cvm && method != Method::awslabs) {
      findings.problem("cloud.tls.ca",
                       "is missing; this method of provisioning does not tell the roots to trust");
    }
    return;
  }
  const std::array<std::pair<std::string, bool>, 3> files = {
      {{"certificate", tls.certificate.empty()}, {"key", tls.key.empty()}, {"ca", tls.ca.empty()}}};
  for (const auto& [name, missing] : files) {
    if (missing && !findings.has("cloud.tls." + name)) {
      findings.problem("cloud.tls." + name,
                       "is missing; AWS IoT wants the gateway's certificate and key, and the gateway wants "
                       "the roots to trust");
    }
  }
}

void check_commands(const CloudOptions& cloud, Findings& findings) {
  constexpr std::array<std::string_view, 1> kThing = {"thing"};
  constexpr std::array<std::string_view, 3> kLocal = {"device", "thing", "rest"};
  const std::array<std::string_view, 3> sample = {"x", "x", "x"};
  for (std::size_t i = 0; i < cloud.commands.size(); ++i) {
    const auto key = "cloud.commands[" + std::to_string(i) + "]";
    const auto parsed = TopicTemplate::parse(cloud.commands[i], kThing);
    std::string filter;
    if (parsed) parsed->render(sample, {}, filter);
    if (!parsed) {
      findings.problem(key, parsed.error().text);
    } else if (!mqtt::valid_topic_filter(filter)) {
      findings.problem(key, "found '" + cloud.commands[i] +
                                "', allowed: an MQTT topic filter; + and # stand alone in a level, # last");
    } else if (parsed->literal_slashes() > 7 || parsed->literal_bytes() > 256) {
      findings.problem(key, "AWS IoT takes filters of at most 256 bytes and 7 slashes");
    }
  }
  if (cloud.commands.size() > 8)
    findings.problem("cloud.commands", "at most 8 filters: AWS takes 8 in one SUBSCRIBE");
  const auto parsed = TopicTemplate::parse(cloud.command_to, kLocal);
  std::string topic;
  if (parsed) parsed->render(sample, {}, topic);
  if (!parsed) {
    findings.problem("cloud.command_to", parsed.error().text);
  } else if (!mqtt::valid_topic_name(topic)) {
    findings.problem("cloud.command_to",
                     "found '" + cloud.command_to + "', allowed: an MQTT topic without + and #");
  }
}

}  // namespace

void check_cloud(Options& options, Findings& findings) {
  auto& cloud = options.cloud;
  check_endpoint(cloud, findings);
  check_tls(cloud, findings);
  check_commands(cloud, findings);
  if (cloud.backoff_first > cloud.backoff_most) {
    findings.problem("cloud.backoff.first", "is longer than cloud.backoff.most");
  }
  if (!cloud.region.empty() &&
      (cloud.region.size() > 32 ||
       cloud.region.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)) {
    findings.problem("cloud.region", "found '" + cloud.region.substr(0, 40) +
                                         "', allowed: an AWS region, as in eu-central-1");
  }
  if (cloud.alpn.size() > 255) findings.problem("cloud.alpn", "a protocol name has at most 255 bytes");
  if (!cloud.quotas.enforce) {
    findings.warning("cloud.quotas.enforce",
                     "AWS drops what exceeds its quotas; this is for a stand-in only");
  }
}

}  // namespace sluice::config
