// The environment as a function sees it: read once by main, given to whoever needs settings; a map in tests.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace sluice::lambda {

class Environment {
 public:
  explicit Environment(std::map<std::string, std::string, std::less<>> values) : values_(std::move(values)) {}
  // Empty: not set.
  std::string get(std::string_view name) const {
    const auto it = values_.find(name);
    return it == values_.end() ? std::string() : it->second;
  }
  std::string get(std::string_view name, std::string_view otherwise) const {
    auto value = get(name);
    return value.empty() ? std::string(otherwise) : value;
  }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

// Of this process.
Environment process_environment();

}  // namespace sluice::lambda
