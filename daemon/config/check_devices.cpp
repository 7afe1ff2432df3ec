#include <algorithm>
#include <array>

#include "config/reader.hpp"
#include "core/topic_template.hpp"
#include "mqtt/topic.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t kMaxProducts = 1000;

const ProductOptions* find_product(const Options& options, const std::string& name) {
  const auto found = std::find_if(options.products.begin(), options.products.end(),
                                  [&](const auto& p) { return p.name == name; });
  return found == options.products.end() ? nullptr : &*found;
}

std::string unknown_product(const Options& options, const std::string& name) {
  std::vector<std::string_view> names;
  names.reserve(options.products.size());
  for (const auto& product : options.products) names.push_back(product.name);
  auto text = "no product '" + name + "' in devices.products" + did_you_mean(name, names);
  return text;
}

void check_filters(const std::vector<std::string>& filters, const std::string& key, Findings& findings) {
  constexpr std::array<std::string_view, 2> kNames = {"device", "product"};
  const std::array<std::string_view, 2> sample = {"x", "x"};
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const auto item = key + "[" + std::to_string(i) + "]";
    const auto parsed = TopicTemplate::parse(filters[i], kNames);
    if (!parsed) {
      findings.problem(item, parsed.error().text);
      continue;
    }
    std::string filter;
    parsed->render(sample, {}, filter);
    if (!mqtt::valid_topic_filter(filter)) {
      findings.problem(item, "found '" + filters[i].substr(0, 120) +
                                 "', allowed: an MQTT topic filter; + and # stand alone in a level, # last");
    }
  }
}

// How a device can prove who it is, and with what it speaks to AWS.
void check_device(const Options& options, const DeviceOptions& device, bool certificates_taken,
                  Findings& findings) {
  const auto key = "devices.known." + device.id;
  if (!device.token_file.empty() && !device.token_hash.empty()) {
    findings.problem(key + ".token_hash", "is there beside token_file, allowed: one of them");
  }
  if (!device.token_hash.empty() && !device.token_hash.starts_with("$scrypt$")) {
    findings.problem(key + ".token_hash",
                     "found something else, allowed: what `sluicectl token hash` prints ($scrypt$...); a "
                     "token in clear belongs into token_file");
  }
  if (device.token_file.empty() && device.token_hash.empty() && !certificates_taken) {
    findings.problem(
        key, "cannot prove who it is: give token_file or token_hash, or a listener with client_certificate");
  }
  if (device.certificate.certificate.empty() != device.certificate.key.empty()) {
    findings.problem(key + ".certificate", "needs both certificate and key");
  }
  const auto* product = find_product(options, device.product);
  if (product == nullptr) {
    if (!device.product.empty()) findings.problem(key + ".product", unknown_product(options, device.product));
    return;
  }
  if (product->identity == ProductOptions::Identity::own && device.certificate.certificate.empty() &&
      options.certificates.empty() &&
      options.cloud.provisioning.method == ProvisioningOptions::Method::given) {
    findings.problem(key + ".certificate",
                     "is missing; product " + product->name +
                         " has an identity of its own: give it here or in devices.certificates, or let it be "
                         "provisioned (cloud.provisioning)");
  }
}

void check_admit(const Options& options, Findings& findings) {
  using Method = ProvisioningOptions::Method;
  const auto method = options.cloud.provisioning.method;
  if (options.admit.size() > kMaxProducts)
    return findings.problem("devices.admit", "allowed: at most " + std::to_string(kMaxProducts));
  if (!options.admit.empty() && (method == Method::given || method == Method::own_ca)) {
    findings.problem(
        "devices.admit",
        "needs a service that knows the tokens of unknown devices: cloud.provisioning.method cvm, "
        "awslabs or fleet");
  }
  for (std::size_t i = 0; i < options.admit.size(); ++i) {
    const auto& admit = options.admit[i];
    const auto key = "devices.admit[" + std::to_string(i) + "]";
    const bool good = !admit.match.empty() && admit.match.size() <= 128 &&
                      std::all_of(admit.match.begin(), admit.match.end(), [](char c) {
                        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                               std::string_view(":_-*?").find(c) != std::string_view::npos;
                      });
    if (!good && findings.has(key + ".match")) {
      findings.problem(key + ".match", "found '" + admit.match.substr(0, 60) +
                                           "', allowed: 1 to 128 of A-Z a-z 0-9 : _ - * ?");
    }
    if (admit.product.empty()) continue;  // said already
    const auto* product = find_product(options, admit.product);
    if (product == nullptr) {
      findings.problem(key + ".product", unknown_product(options, admit.product));
    } else if (product->identity != ProductOptions::Identity::own) {
      findings.problem(key + ".product", "product '" + admit.product +
                                             "' has no identity of its own (identity: own): its token is "
                                             "judged when the identity is asked for");
    }
  }
}

}  // namespace

void check_devices(const Options& options, Findings& findings) {
  if (options.products.size() > kMaxProducts) {
    findings.problem("devices.products", "found " + std::to_string(options.products.size()) +
                                             ", allowed: at most " + std::to_string(kMaxProducts));
    return;
  }
  for (const auto& product : options.products) {
    const auto key = "devices.products." + product.name;
    check_filters(product.may_publish, key + ".may_publish", findings);
    check_filters(product.may_subscribe, key + ".may_subscribe", findings);
    if (product.may_publish.empty() && product.may_subscribe.empty()) {
      findings.warning(key, "may publish and subscribe to nothing");
    }
  }
  const bool certificates_taken = std::any_of(
      options.listen.begin(), options.listen.end(),
      [](const auto& l) { return l.client_certificate != ListenerOptions::ClientCertificate::none; });
  check_admit(options, findings);
  for (const auto& device : options.devices) check_device(options, device, certificates_taken, findings);
  if (!options.anonymous_product.empty() && find_product(options, options.anonymous_product) == nullptr) {
    findings.problem("devices.anonymous_product", unknown_product(options, options.anonymous_product));
  }
}

}  // namespace sluice::config
