// A config that is right, for tests that make it wrong in one place.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "config/config.hpp"

namespace sluice::config::test {

inline const std::string kSample = R"(gateway:
  thing: gw-1
cloud:
  endpoint: abc-ats.iot.eu-central-1.amazonaws.com
  tls: { certificate: /c, key: /k, ca: /a }
listen:
  - mqtt://127.0.0.1:1883
devices:
  products:
    thermo: { may_publish: ["d/{device}/#"] }
routes:
  - { match: "d/+/temp", to: "dt/{product}/{device}/temp" }
)";

inline Parsed parse(const std::string& text) { return parse_config(text, "test.yaml"); }

// The sample with `from` replaced.
inline Parsed with(const std::string& from, const std::string& to) {
  auto text = kSample;
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return parse(text.replace(at, from.size(), to));
}
// The sample with more lines at its end.
inline Parsed plus(const std::string& lines) { return parse(kSample + lines); }

inline std::string text_of(const Parsed& parsed) { return format_problems("test.yaml", parsed.problems); }

// The file has this problem and no other.
inline void expect_only(const Parsed& parsed, const std::string& key, const std::string& words) {
  ASSERT_EQ(parsed.problems.size(), 1U) << text_of(parsed);
  EXPECT_EQ(parsed.problems[0].key, key);
  EXPECT_NE(parsed.problems[0].text.find(words), std::string::npos) << parsed.problems[0].text;
}

inline void expect_warning(const Parsed& parsed, const std::string& key, const std::string& words) {
  EXPECT_TRUE(parsed.problems.empty()) << text_of(parsed);
  EXPECT_TRUE(std::any_of(parsed.warnings.begin(), parsed.warnings.end(), [&](const Problem& w) {
    return w.key == key && w.text.find(words) != std::string::npos;
  })) << format_problems("warnings", parsed.warnings);
}

}  // namespace sluice::config::test
