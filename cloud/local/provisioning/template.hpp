// AWS IoT provisioning templates: Parameters, Mappings, Resources, DeviceConfiguration, and the functions in
// them. Read once, then evaluated for each device. Used by fleet provisioning, JITP and the control plane's
// checks. Source: AWS IoT developer guide, "Provisioning templates".
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace sluice::cloud {

// What is done when the resource is there already and the property differs.
enum class Override : std::uint8_t { do_nothing, replace, fail, merge };

// What a template asks for, for one device.
struct Provision {
  struct Thing {
    std::string name, type;
    std::map<std::string, std::string> attributes;
    Override type_override = Override::do_nothing, attributes_override = Override::do_nothing;
  };
  struct Policy {
    std::string name, document;  // one of them
  };
  std::optional<Thing> thing;
  std::string certificate_status = "ACTIVE";
  std::vector<Policy> policies;
  std::map<std::string, std::string> device_configuration;
};

using Parameters = std::map<std::string, std::string, std::less<>>;

class Template {
 public:
  static constexpr std::size_t kMostCharacters = 10'240;

  // Refuses what could not be evaluated; the text says which resource or property.
  static result<Template> parse(std::string_view body);
  // Given parameters, over the defaults. Error: one that is referred to is missing.
  result<Provision> evaluate(const Parameters& given) const;

 private:
  std::shared_ptr<const nlohmann::json> body_;
};

}  // namespace sluice::cloud
