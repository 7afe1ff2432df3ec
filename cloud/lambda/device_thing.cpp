#include "cloud/lambda/device_thing.hpp"

#include <algorithm>

#include "cloud/lambda/token_check.hpp"

namespace sluice::lambda {
namespace {

using Kind = aws::Error::Kind;

// What AWS IoT takes as an attribute's value.
bool attribute_value(std::string_view text) {
  return !text.empty() && text.size() <= 800 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_.,@/:#-").find(c) != std::string_view::npos;
  });
}

}  // namespace

aws::result<void> make_thing(aws::IotControl& iot, const std::string& name, const std::string& product,
                             bool typed, const Log& log) {
  std::map<std::string, std::string> attributes;
  if (attribute_value(product)) attributes.emplace("product", product);
  typed = typed && valid_productid(product);  // the same characters, the same length
  auto made = iot.create_thing(name, typed ? product : "", attributes);
  if (!made && typed && (made.error().kind == Kind::not_found || made.error().kind == Kind::invalid)) {
    log.warn("{}: the thing gets no type, because {} is none: {}", name, product, made.error().text);
    made = iot.create_thing(name, "", attributes);
  }
  if (!made && made.error().kind != Kind::conflict) return made.error();
  return {};
}

}  // namespace sluice::lambda
