#include "cloud/lambda/setting_words.hpp"

#include <sstream>

namespace sluice::lambda {

std::string setting(const aws::Environment& environment, std::string_view name, std::string_view otherwise) {
  auto value = environment(name);
  return value && !value->empty() ? std::move(*value) : std::string(otherwise);
}

aws::result<std::string> needed_setting(const aws::Environment& environment, std::string_view name) {
  auto value = setting(environment, name);
  if (value.empty()) return aws::invalid_argument(std::string(name) + " is not set");
  return value;
}

aws::result<bool> is_second_word(const aws::Environment& environment, std::string_view name,
                                 std::string_view first, std::string_view second,
                                 std::string_view otherwise) {
  const auto value = setting(environment, name, otherwise);
  if (value == first) return false;
  if (value == second) return true;
  return aws::invalid_argument(std::string(name) + ": " + value + ": expected " + std::string(first) +
                               " or " + std::string(second));
}

aws::result<std::pair<Reissue, Retired>> read_reissue(const aws::Environment& environment) {
  const auto rotate = is_second_word(environment, "SLUICE_REISSUE", "refuse", "rotate", "refuse");
  if (!rotate) return rotate.error();
  const auto keep = is_second_word(environment, "SLUICE_RETIRED", "delete", "keep", "delete");
  if (!keep) return keep.error();
  return std::pair(*rotate ? Reissue::rotate : Reissue::refuse, *keep ? Retired::keep : Retired::remove);
}

GatewayPolicy read_gateway_policy(const aws::Environment& environment) {
  GatewayPolicy policy{.name = setting(environment, "SLUICE_GATEWAY_POLICY"), .products = {}};
  std::istringstream products(setting(environment, "SLUICE_GATEWAY_PRODUCTS", "gateway"));
  for (std::string product; std::getline(products, product, ',');) {
    if (!product.empty()) policy.products.insert(product);
  }
  return policy;
}

aws::result<bool> read_thing_types(const aws::Environment& environment) {
  return is_second_word(environment, "SLUICE_THING_TYPES", "no", "yes", "yes");
}

}  // namespace sluice::lambda
