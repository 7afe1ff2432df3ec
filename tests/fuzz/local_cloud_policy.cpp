// Any text as a policy document, any text as what is asked of it: no crash, no hang, an answer that does not
// change, and a Deny of everything that always wins. Input: the resource, a line break, the document.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "cloud/local/policy.hpp"

using namespace sluice::cloud;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto line = input.find('\n');
  if (line == std::string_view::npos) return 0;
  const std::string resource(input.substr(0, line));
  auto parsed = Policy::parse(input.substr(line + 1));
  if (!parsed) {
    if (parsed.error().text.empty()) std::abort();  // a refusal says why
    return 0;
  }
  PolicyVariables variables;
  variables.set("iot:ClientId", {"gw-1"});
  variables.set("iot:Connection.Thing.ThingName", {resource});
  variables.set("iot:ConnectAttributes", {"PersistentConnect", "LastWill"});
  variables.set("iot:Certificate.Subject.CommonName", {"*", "b"});
  variables.set("aws:SourceIp", {"2001:db8::1"});
  const auto policy = std::make_shared<const Policy>(std::move(*parsed));
  const auto closed = std::make_shared<const Policy>(*Policy::parse(
      R"({"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}})"));
  for (const char* action : {"iot:Publish", "iot:Connect", ""}) {
    const Effect effect = policy->evaluate(action, resource, variables);
    if (effect != policy->evaluate(action, resource, variables)) std::abort();
    if (allowed({policy}, action, resource, variables) != (effect == Effect::allow)) std::abort();
    if (allowed({policy, closed}, action, resource, variables)) std::abort();
  }
  return 0;
}
