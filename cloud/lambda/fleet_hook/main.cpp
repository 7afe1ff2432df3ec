// The pre-provisioning hook on Lambda.
#include "cloud/lambda/fleet_hook/handler.hpp"
#include "cloud/lambda/runtime/function_main.hpp"
#include "cloud/lambda/setting_words.hpp"

int main() {
  using namespace sluice;
  std::unique_ptr<lambda::fleet_hook::FleetHookHandler> hook;
  return lambda::function_main(
      "fleet-hook", [&](const lambda::FunctionParts& parts) -> aws::result<lambda::Handler> {
        if (parts.table == nullptr)
          return aws::invalid_argument("SLUICE_TABLE is not set: the table of devices");
        const auto reissue = lambda::read_reissue(parts.environment);
        if (!reissue) return reissue.error();
        hook = std::make_unique<lambda::fleet_hook::FleetHookHandler>(
            parts.iot, *parts.table,
            lambda::fleet_hook::Settings{.region = parts.region,
                                         .reissue = reissue->first,
                                         .retired = reissue->second,
                                         .gateways = lambda::read_gateway_policy(parts.environment)},
            parts.now, parts.log);
        return lambda::Handler([&hook](std::string_view event) { return (*hook)(event); });
      });
}
