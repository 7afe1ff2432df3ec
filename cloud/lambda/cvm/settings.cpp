#include "cloud/lambda/cvm/settings.hpp"

#include <charconv>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cloud/lambda/cvm/amazon_root_ca_1.hpp"

namespace sluice::lambda::cvm {
namespace {

using nlohmann::json;

aws::Error wrong(std::string text) {
  return {
      .kind = aws::Error::Kind::invalid, .status = 0, .code = {}, .text = std::move(text), .retry_after = {}};
}

aws::result<std::string> read_root_ca(const std::string& value) {
  if (value.empty()) return std::string(kAmazonRootCa1);
  if (value.starts_with("-----BEGIN CERTIFICATE-----")) return value;
  std::ifstream file(value, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file.is_open() || text.empty()) return wrong("SLUICE_ROOT_CA: " + value + " cannot be read");
  return text;
}

aws::result<std::map<std::string, std::string>> read_regions(const std::string& value) {
  std::map<std::string, std::string> regions;
  if (value.empty()) return regions;
  const auto root = json::parse(value, nullptr, false);
  if (!root.is_object()) return wrong("SLUICE_REGIONS: expected a JSON object of region and URL");
  for (const auto& [region, url] : root.items()) {
    if (!url.is_string()) return wrong("SLUICE_REGIONS: " + region + ": expected the URL of its service");
    regions.emplace(region, url.get<std::string>());
  }
  return regions;
}

aws::result<std::chrono::seconds> read_claim(const std::string& value) {
  constexpr int kLeast = 5, kMost = 900;
  int seconds = 0;
  const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (ec != std::errc{} || end != value.data() + value.size() || seconds < kLeast || seconds > kMost) {
    return wrong("SLUICE_CLAIM_SECONDS: " + value + ": expected 5 to 900, more than the function's timeout");
  }
  return std::chrono::seconds(seconds);
}

std::string text_of(const aws::Environment& environment, std::string_view name,
                    std::string_view otherwise = {}) {
  auto value = environment(name);
  return value && !value->empty() ? std::move(*value) : std::string(otherwise);
}

// `value` must be one of two words.
aws::result<bool> is_second(const char* name, const std::string& value, std::string_view first,
                            std::string_view second) {
  if (value == first) return false;
  if (value == second) return true;
  return wrong(std::string(name) + ": " + value + ": expected " + std::string(first) + " or " +
               std::string(second));
}

}  // namespace

aws::result<Settings> read_settings(const aws::Environment& environment) {
  Settings settings;
  settings.region = text_of(environment, "AWS_REGION");
  if (settings.region.empty()) return wrong("AWS_REGION is not set");
  settings.policy = text_of(environment, "SLUICE_POLICY");
  if (settings.policy.empty())
    return wrong("SLUICE_POLICY is not set: the IoT policy that every device gets");
  settings.data_endpoint = text_of(environment, "SLUICE_DATA_ENDPOINT");
  settings.credentials_endpoint = text_of(environment, "SLUICE_CREDENTIALS_ENDPOINT");
  settings.role_alias = text_of(environment, "SLUICE_ROLE_ALIAS");
  auto root_ca = read_root_ca(text_of(environment, "SLUICE_ROOT_CA"));
  if (!root_ca) return root_ca.error();
  settings.root_ca = std::move(*root_ca);
  auto regions = read_regions(text_of(environment, "SLUICE_REGIONS"));
  if (!regions) return regions.error();
  settings.regions = std::move(*regions);
  const auto rotate =
      is_second("SLUICE_REISSUE", text_of(environment, "SLUICE_REISSUE", "refuse"), "refuse", "rotate");
  if (!rotate) return rotate.error();
  settings.reissue = *rotate ? Reissue::rotate : Reissue::refuse;
  const auto keep =
      is_second("SLUICE_RETIRED", text_of(environment, "SLUICE_RETIRED", "delete"), "delete", "keep");
  if (!keep) return keep.error();
  settings.retired = *keep ? Retired::keep : Retired::remove;
  const auto types =
      is_second("SLUICE_THING_TYPES", text_of(environment, "SLUICE_THING_TYPES", "yes"), "no", "yes");
  if (!types) return types.error();
  settings.thing_types = *types;
  const auto second = is_second("SLUICE_GETCERT", text_of(environment, "SLUICE_GETCERT", "2"), "1", "2");
  if (!second) return second.error();
  settings.generation = *second ? Generation::second : Generation::first;
  const auto claim = read_claim(text_of(environment, "SLUICE_CLAIM_SECONDS", "30"));
  if (!claim) return claim.error();
  settings.claim = *claim;
  return settings;
}

}  // namespace sluice::lambda::cvm
