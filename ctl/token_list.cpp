#include "token_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "core/secret.hpp"

namespace sluice::ctl {
namespace {

constexpr std::size_t kMaxId = 128, kMostProblems = 20;

// One record's fields; nothing: a quote that does not end. Moves past the record.
std::optional<std::vector<std::string>> next_record(std::string_view& rest, std::size_t& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  std::size_t i = 0;
  for (; i < rest.size(); ++i) {
    const char c = rest[i];
    if (quoted) {
      if (c == '\n') ++line;
      if (c != '"') {
        fields.back() += c;
      } else if (i + 1 < rest.size() && rest[i + 1] == '"') {
        fields.back() += c;
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == '"' && fields.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      fields.emplace_back();
    } else if (c == '\n') {
      ++i;
      break;
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  rest.remove_prefix(i);
  if (quoted) return {};
  return fields;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxId && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' ||
           c == '_' || c == '-';
  });
}

struct Columns {
  std::size_t productid = 0, token = 1, product = 2;
};

std::optional<Columns> header(const std::vector<std::string>& fields) {
  const auto at = [&fields](std::string_view name) {
    return static_cast<std::size_t>(std::ranges::find(fields, name) - fields.begin());
  };
  const Columns columns{at("productid"), at("accessToken"), at("product")};
  if (columns.productid == fields.size() || columns.token == fields.size()) return {};
  return columns;
}

}  // namespace

TokenList::~TokenList() {
  for (auto& device : devices) wipe(device.token);
}

TokenList read_token_list(std::string_view csv, std::string_view product) {
  TokenList list;
  Columns columns;
  std::set<std::string, std::less<>> seen;
  const auto problem = [&list](std::size_t line, std::string_view text) {
    if (list.problems.size() < kMostProblems) list.problems.push_back(fmt::format("line {}: {}", line, text));
  };
  if (csv.starts_with("\xef\xbb\xbf")) csv.remove_prefix(3);  // a spreadsheet's byte order mark
  bool first = true;
  for (std::size_t line = 1; !csv.empty(); ++line) {
    const auto begins = line;
    auto fields = next_record(csv, line);
    if (!fields) {
      problem(begins, "a quote that does not end");
      break;
    }
    if (std::exchange(first, false)) {
      if (const auto named = header(*fields)) {
        columns = *named;
        continue;
      }
    }
    if (fields->size() == 1 && fields->front().empty()) continue;
    const auto field = [&fields](std::size_t at) {
      return at < fields->size() ? (*fields)[at] : std::string();
    };
    TokenLine device{begins, field(columns.productid), field(columns.token), field(columns.product)};
    for (auto& text : *fields) wipe(text);
    if (device.product.empty()) device.product = product;
    if (!is_name(device.productid)) {
      problem(begins, "a productid has 1 to 128 of A-Z a-z 0-9 : _ -");
    } else if (!seen.insert(device.productid).second) {
      problem(begins, fmt::format("{} is there twice", device.productid));
    }
    if (device.token.empty() || device.token.size() > kMaxToken)
      problem(begins, fmt::format("an access token has 1 to {} bytes", kMaxToken));
    if (!is_name(device.product))
      problem(begins, "no product: a third column, a header that names it, or --product P");
    list.devices.push_back(std::move(device));
  }
  if (list.devices.empty() && list.problems.empty()) problem(1, "no devices");
  return list;
}

}  // namespace sluice::ctl
