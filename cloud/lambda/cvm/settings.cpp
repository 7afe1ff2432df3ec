#include "cloud/lambda/cvm/settings.hpp"

#include <charconv>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <tuple>

#include "cloud/lambda/cvm/amazon_root_cas.hpp"
#include "cloud/lambda/setting_words.hpp"

namespace sluice::lambda::cvm {
namespace {

using nlohmann::json;

aws::result<std::string> read_root_ca(const std::string& value) {
  if (value.empty()) return std::string(kAmazonRootCas);
  if (value.starts_with("-----BEGIN CERTIFICATE-----")) return value;
  std::ifstream file(value, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file.is_open() || text.empty())
    return aws::invalid_argument("SLUICE_ROOT_CA: " + value + " cannot be read");
  return text;
}

aws::result<std::map<std::string, std::string>> read_regions(const std::string& value) {
  std::map<std::string, std::string> regions;
  if (value.empty()) return regions;
  const auto root = json::parse(value, nullptr, false);
  if (!root.is_object())
    return aws::invalid_argument("SLUICE_REGIONS: expected a JSON object of region and URL");
  for (const auto& [region, url] : root.items()) {
    if (!url.is_string())
      return aws::invalid_argument("SLUICE_REGIONS: " + region + ": expected the URL of its service");
    regions.emplace(region, url.get<std::string>());
  }
  return regions;
}

aws::result<std::chrono::seconds> read_claim(const std::string& value) {
  constexpr int kLeast = 5, kMost = 900;
  int seconds = 0;
  const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (ec != std::errc{} || end != value.data() + value.size() || seconds < kLeast || seconds > kMost) {
    return aws::invalid_argument("SLUICE_CLAIM_SECONDS: " + value +
                                 ": expected 5 to 900, more than the function's timeout");
  }
  return std::chrono::seconds(seconds);
}

}  // namespace

aws::result<Settings> read_settings(const aws::Environment& environment) {
  Settings settings;
  settings.region = setting(environment, "AWS_REGION");
  if (settings.region.empty()) return aws::invalid_argument("AWS_REGION is not set");
  settings.policy = setting(environment, "SLUICE_POLICY");
  if (settings.policy.empty())
    return aws::invalid_argument("SLUICE_POLICY is not set: the IoT policy that devices get");
  settings.gateways = read_gateway_policy(environment);
  settings.data_endpoint = setting(environment, "SLUICE_DATA_ENDPOINT");
  settings.credentials_endpoint = setting(environment, "SLUICE_CREDENTIALS_ENDPOINT");
  settings.role_alias = setting(environment, "SLUICE_ROLE_ALIAS");
  auto root_ca = read_root_ca(setting(environment, "SLUICE_ROOT_CA"));
  if (!root_ca) return root_ca.error();
  settings.root_ca = std::move(*root_ca);
  auto regions = read_regions(setting(environment, "SLUICE_REGIONS"));
  if (!regions) return regions.error();
  settings.regions = std::move(*regions);
  const auto reissue = read_reissue(environment);
  if (!reissue) return reissue.error();
  std::tie(settings.reissue, settings.retired) = *reissue;
  const auto types = read_thing_types(environment);
  if (!types) return types.error();
  settings.thing_types = *types;
  const auto second = is_second_word(environment, "SLUICE_GETCERT", "1", "2", "2");
  if (!second) return second.error();
  settings.generation = *second ? Generation::second : Generation::first;
  const auto claim = read_claim(setting(environment, "SLUICE_CLAIM_SECONDS", "30"));
  if (!claim) return claim.error();
  settings.claim = *claim;
  return settings;
}

}  // namespace sluice::lambda::cvm
