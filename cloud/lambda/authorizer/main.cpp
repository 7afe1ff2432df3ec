// The authorizer on Lambda.
#include "cloud/lambda/authorizer/handler.hpp"
#include "cloud/lambda/runtime/function_main.hpp"
#include "cloud/lambda/setting_words.hpp"

int main() {
  using namespace sluice;
  std::unique_ptr<lambda::authorizer::AuthorizerHandler> authorizer;
  return lambda::function_main(
      "authorizer", [&](const lambda::FunctionParts& parts) -> aws::result<lambda::Handler> {
        if (parts.table == nullptr)
          return aws::invalid_argument("SLUICE_TABLE is not set: the table of devices");
        authorizer = std::make_unique<lambda::authorizer::AuthorizerHandler>(*parts.table, parts.log);
        return lambda::Handler([&authorizer](std::string_view event) { return (*authorizer)(event); });
      });
}
