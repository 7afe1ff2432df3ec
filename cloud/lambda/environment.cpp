#include "cloud/lambda/environment.hpp"

#include <unistd.h>

namespace sluice::lambda {

Environment process_environment() {
  std::map<std::string, std::string, std::less<>> values;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != text.npos) values.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return Environment(std::move(values));
}

}  // namespace sluice::lambda
