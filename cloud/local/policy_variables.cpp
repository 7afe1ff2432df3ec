#include "cloud/local/policy_variables.hpp"

#include <charconv>

namespace sluice::cloud {
namespace {

// Attribute names of things keep their case: ${iot:Connection.Thing.Attributes[Floor]}.
std::string fold(std::string_view name) {
  std::string folded(name);
  bool bracket = false;
  for (char& c : folded) {
    if (c == '[') bracket = true;
    if (!bracket && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return folded;
}

bool is_set(std::string_view folded) { return folded == "iot:connectattributes"; }

}  // namespace

void PolicyVariables::set(std::string_view name, std::vector<std::string> values) {
  std::erase_if(values, [](const std::string& v) { return v.size() > kMaxValueBytes; });
  if (values.size() > kMaxValues) values.resize(kMaxValues);
  if (values.empty()) {
    values_.erase(fold(name));
  } else {
    values_[fold(name)] = std::move(values);
  }
}

const std::vector<std::string>* PolicyVariables::find(std::string_view name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? nullptr : &it->second;
}

std::optional<std::string> PolicyVariables::substitute(std::string_view name) const {
  const std::string folded = fold(name);
  const std::string* value = nullptr;
  if (const auto* all = find(folded)) {
    value = &all->front();
  } else if (const auto dot = folded.rfind('.'); dot != std::string::npos) {
    std::size_t index = 0;
    const char* end = folded.data() + folded.size();
    const auto [ptr, ec] = std::from_chars(folded.data() + dot + 1, end, index);
    const auto* items =
        ec == std::errc{} && ptr == end ? find(std::string_view(folded).substr(0, dot)) : nullptr;
    if (items != nullptr && index < items->size()) value = &(*items)[index];
  }
  if (value == nullptr) return std::nullopt;
  if (folded.starts_with("iot:certificate.") && value->find_first_of("*?") != std::string::npos) {
    return "${" + std::string(name) + "}";
  }
  return *value;
}

std::vector<std::string_view> PolicyVariables::values(std::string_view key) const {
  std::string folded = fold(key);
  if (folded.ends_with(".list")) {
    const auto* all = find(std::string_view(folded).substr(0, folded.size() - 5));
    return all == nullptr ? std::vector<std::string_view>{}
                          : std::vector<std::string_view>(all->begin(), all->end());
  }
  const auto* all = find(folded);
  if (all == nullptr) return {};
  if (is_set(folded)) return {all->begin(), all->end()};
  return {all->front()};
}

}  // namespace sluice::cloud
