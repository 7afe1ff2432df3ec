// What the reader and the checks gather about one file: problems, warnings, and where each key stands.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/document.hpp"

namespace sluice::config {

inline constexpr std::size_t kMaxProblems = 100;  // a file with more is no config

struct Findings {
  std::vector<Problem> problems, warnings;
  std::map<std::string, Place, std::less<>> places;  // `routes[0].to` and the maps above it

  bool has(std::string_view key) const { return places.contains(key); }
  // A problem at the key, or at what it is missing from.
  void problem(const std::string& key, std::string text) { add(problems, key, std::move(text)); }
  void warning(const std::string& key, std::string text) { add(warnings, key, std::move(text)); }

 private:
  void add(std::vector<Problem>& list, const std::string& key, std::string text) {
    if (list.size() >= kMaxProblems) return;
    const auto place = find(key);
    list.push_back({place.line, place.column, key, std::move(text)});
  }
  Place find(std::string_view key) const {
    while (!key.empty()) {
      if (const auto it = places.find(key); it != places.end()) return it->second;
      const auto end = key.find_last_of(".[");
      key = key.substr(0, end == std::string_view::npos ? 0 : end);
    }
    return {};
  }
};

}  // namespace sluice::config
