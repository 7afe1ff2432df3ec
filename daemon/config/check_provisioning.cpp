// cloud.provisioning: what each method needs, and what it has no use for.
#include <algorithm>
#include <string>

#include "config/reader.hpp"

namespace sluice::config {
namespace {

using Method = ProvisioningOptions::Method;

const std::string kKey = "cloud.provisioning.";

void need(bool there, const std::string& name, const std::string& why, Findings& findings) {
  if (!there) findings.problem(kKey + name, "is missing; " + why);
}

void check_url(const ProvisioningOptions& options, Findings& findings) {
  need(!options.url.empty(), "url", "where is the service that makes certificates?", findings);
  if (options.url.empty()) return;
  const std::string_view url = options.url;
  const auto rest = url.starts_with("https://") ? url.substr(8) : std::string_view();
  if (rest.empty() || rest.starts_with('/') || url.size() > 1024 ||
      url.find_first_of("?#@ \t\"'\\") != std::string_view::npos) {
    findings.problem(kKey + "url", "found '" + std::string(url.substr(0, 80)) +
                                       "', allowed: https://host[:port][/path], without a query");
  }
}

bool valid_template(std::string_view name) {
  return !name.empty() && name.size() <= 36 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

void check_seal(const SealOptions& seal, Findings& findings) {
  const std::string_view name = seal.credential;
  if (name.empty() || name.size() > 255 || name.find('/') != std::string_view::npos || name.starts_with('.'))
    findings.problem(kKey + "seal.credential",
                     "found '" + std::string(name.substr(0, 60)) +
                         "', allowed: a file name, as in LoadCredentialEncrypted=NAME:PATH");
  if (seal.tpm.empty() || seal.tpm.size() > 255)
    findings.problem(kKey + "seal.tpm", "allowed: a TCTI of 1 to 255 bytes, as in device:/dev/tpmrm0");
}

}  // namespace

void check_provisioning(const Options& options, Findings& findings) {
  const auto& provisioning = options.cloud.provisioning;
  if (provisioning.method == Method::given) {
    for (const auto* name :
         {"url", "access_token_file", "claim.certificate", "template", "issuer.certificate"}) {
      if (findings.has(kKey + name))
        findings.problem(kKey + name, "has no use with method: given; set cloud.provisioning.method");
    }
    return;
  }
  if (!provisioning.productid.empty() && provisioning.productid != options.thing) {
    findings.problem(kKey + "productid", "found '" + provisioning.productid.substr(0, 60) +
                                             "', allowed: " + options.thing +
                                             ", as gateway.thing: the thing is named after the productid");
  }
  if (provisioning.method != Method::own_ca) {
    need(!provisioning.token_file.empty(), "access_token_file",
         "the gateway asks for its own identity with its own token", findings);
  }
  if (provisioning.method == Method::cvm || provisioning.method == Method::awslabs)
    check_url(provisioning, findings);
  if (provisioning.method == Method::awslabs) {
    findings.warning(kKey + "method",
                     "awslabs: private keys are made by the service and travel; take cvm where you can");
  }
  if (provisioning.method == Method::fleet) {
    need(!provisioning.claim.certificate.empty(), "claim.certificate",
         "fleet provisioning begins with a claim", findings);
    need(!provisioning.claim.key.empty(), "claim.key", "fleet provisioning begins with a claim", findings);
    need(!provisioning.fleet_template.empty(), "template", "which template of AWS IoT makes things?",
         findings);
    if (!provisioning.fleet_template.empty() && !valid_template(provisioning.fleet_template))
      findings.problem(kKey + "template", "found '" + provisioning.fleet_template.substr(0, 60) +
                                              "', allowed: 1 to 36 of A-Z a-z 0-9 _ -");
  }
  if (provisioning.method == Method::own_ca) {
    need(!provisioning.issuer.certificate.empty(), "issuer.certificate", "certificates need an issuer",
         findings);
    need(!provisioning.issuer.key.empty(), "issuer.key", "certificates need an issuer", findings);
    if (provisioning.issuer.valid <= provisioning.rotate_before) {
      findings.problem(
          kKey + "issuer.valid",
          "is not longer than cloud.provisioning.rotate_before: certificates would be replaced for ever");
    }
  }
  if (provisioning.backoff_first > provisioning.backoff_most)
    findings.problem(kKey + "backoff.first", "is longer than cloud.provisioning.backoff.most");
  check_seal(provisioning.seal, findings);
}

}  // namespace sluice::config
