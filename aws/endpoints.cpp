#include "aws/endpoints.hpp"

#include <algorithm>

namespace sluice::aws {

bool is_region(std::string_view region) {
  if (region.size() < 6 || region.size() > 32) return false;
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!is_letter(region.front()) || !is_digit(region.back())) return false;
  if (std::ranges::count(region, '-') < 2 || region.find("--") != std::string_view::npos) return false;
  return std::ranges::all_of(region, [&](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
}

Partition partition_of(std::string_view region) {
  if (region.starts_with("cn-")) return {"aws-cn", "amazonaws.com.cn"};
  if (region.starts_with("us-gov-")) return {"aws-us-gov", "amazonaws.com"};
  return {"aws", "amazonaws.com"};
}

std::string service_host(std::string_view service, std::string_view region) {
  std::string host(service);
  host.append(".").append(region).append(".").append(partition_of(region).suffix);
  return host;
}

std::optional<std::string> region_of_endpoint(std::string_view endpoint) {
  constexpr std::string_view kService = ".iot.";
  endpoint = endpoint.substr(0, endpoint.find(':'));
  const auto service = endpoint.find(kService);
  if (service == std::string_view::npos) return std::nullopt;
  const auto rest = endpoint.substr(service + kService.size());
  const auto dot = rest.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto region = rest.substr(0, dot);
  if (!is_region(region) || rest.substr(dot + 1) != partition_of(region).suffix) return std::nullopt;
  return std::string(region);
}

}  // namespace sluice::aws
