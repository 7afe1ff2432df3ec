#include "cloud/local/policy_pattern.hpp"

#include <cstdint>

namespace sluice::cloud {
namespace {

// A wildcard is a value that no byte has, so that a `*` out of a variable stays a plain character.
constexpr std::uint16_t kOne = 0x100, kRun = 0x101;

std::uint16_t plain(char c, bool fold_case) {
  const auto byte = static_cast<unsigned char>(c);
  return fold_case && byte >= 'A' && byte <= 'Z' ? static_cast<std::uint16_t>(byte - 'A' + 'a') : byte;
}

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Greedy with one point of return: linear memory, no recursion, at most pattern x subject steps.
bool wildcard_match(const std::vector<std::uint16_t>& pattern, std::string_view subject, bool fold_case) {
  std::size_t p = 0, s = 0, star = std::string::npos, resume = 0;
  while (s < subject.size()) {
    if (p < pattern.size() && pattern[p] == kRun) {
      star = p++;
      resume = s;
    } else if (p < pattern.size() && pattern[p] == kOne) {
      ++p;
      ++s;
      while (s < subject.size() && continues(subject[s])) ++s;  // one character, not one byte
    } else if (p < pattern.size() && pattern[p] == plain(subject[s], fold_case)) {
      ++p;
      ++s;
    } else if (star != std::string::npos) {
      p = star + 1;
      s = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == kRun) ++p;
  return p == pattern.size();
}

}  // namespace

PolicyPattern::PolicyPattern(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '*') {
      pieces_.push_back({Kind::run, "*"});
    } else if (text[i] == '?') {
      pieces_.push_back({Kind::one, "?"});
    } else if (const auto end = text.substr(i).starts_with("${") ? text.find('}', i) : std::string_view::npos;
               end != std::string_view::npos) {
      const auto name = text.substr(i + 2, end - i - 2);
      if (name == "*" || name == "?" || name == "$") {
        add_text(name);
      } else {
        pieces_.push_back({Kind::variable, std::string(name)});
      }
      i = end;
    } else {
      add_text(text.substr(i, 1));
    }
  }
}

void PolicyPattern::add_text(std::string_view text) {
  if (pieces_.empty() || pieces_.back().kind != Kind::text) pieces_.push_back({Kind::text, {}});
  pieces_.back().text += text;
}

std::optional<bool> PolicyPattern::like(std::string_view subject, const PolicyVariables& variables,
                                        bool fold_case) const {
  std::vector<std::uint16_t> pattern;
  for (const auto& piece : pieces_) {
    if (piece.kind == Kind::run || piece.kind == Kind::one) {
      pattern.push_back(piece.kind == Kind::run ? kRun : kOne);
      continue;
    }
    std::optional<std::string> value =
        piece.kind == Kind::variable ? variables.substitute(piece.text) : piece.text;
    if (!value) return std::nullopt;
    for (const char c : *value) pattern.push_back(plain(c, fold_case));
  }
  return wildcard_match(pattern, subject, fold_case);
}

std::optional<std::string> PolicyPattern::literal(const PolicyVariables& variables) const {
  std::string text;
  for (const auto& piece : pieces_) {
    const auto value = piece.kind == Kind::variable ? variables.substitute(piece.text) : piece.text;
    if (!value) return std::nullopt;
    text += *value;
  }
  return text;
}

}  // namespace sluice::cloud
