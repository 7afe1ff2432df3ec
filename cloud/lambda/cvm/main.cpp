// The vending function on Lambda.
#include "cloud/lambda/cvm/handler.hpp"
#include "cloud/lambda/runtime/function_main.hpp"
#include "cloud/lambda/setting_words.hpp"

int main() {
  using namespace sluice;
  std::unique_ptr<lambda::cvm::CvmHandler> cvm;
  return lambda::function_main(
      "cvm", [&](const lambda::FunctionParts& parts) -> aws::result<lambda::Handler> {
        if (parts.table == nullptr)
          return aws::invalid_argument("SLUICE_TABLE is not set: the table of devices");
        auto settings = lambda::cvm::read_settings(parts.environment);
        if (!settings) return settings.error();
        cvm = std::make_unique<lambda::cvm::CvmHandler>(parts.iot, *parts.table, std::move(*settings),
                                                        parts.now, parts.log);
        return lambda::Handler([&cvm](std::string_view event) { return (*cvm)(event); });
      });
}
