// Just-in-time registration on Lambda.
#include "cloud/lambda/jitr/handler.hpp"
#include "cloud/lambda/runtime/function_main.hpp"
#include "cloud/lambda/setting_words.hpp"

int main() {
  using namespace sluice;
  std::unique_ptr<lambda::jitr::JitrHandler> jitr;
  return lambda::function_main(
      "jitr", [&](const lambda::FunctionParts& parts) -> aws::result<lambda::Handler> {
        const auto policy = lambda::needed_setting(parts.environment, "SLUICE_POLICY");
        if (!policy) return policy.error();
        const auto reissue = lambda::read_reissue(parts.environment);
        if (!reissue) return reissue.error();
        const auto types = lambda::read_thing_types(parts.environment);
        if (!types) return types.error();
        jitr = std::make_unique<lambda::jitr::JitrHandler>(
            parts.iot, parts.table,
            lambda::jitr::Settings{.region = parts.region,
                                   .policy = *policy,
                                   .gateways = lambda::read_gateway_policy(parts.environment),
                                   .thing_types = *types,
                                   .reissue = reissue->first,
                                   .retired = reissue->second},
            parts.now, parts.log);
        return lambda::Handler([&jitr](std::string_view event) { return (*jitr)(event); });
      });
}
