#include "cloud/stack/device_file.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include "aws/cvm.hpp"
#include "cloud/lambda/token_check.hpp"

namespace sluice::stack {
namespace {

constexpr std::size_t kColumns = 4;
constexpr std::array<std::string_view, kColumns> kNames = {"productid", "accessToken", "product", "region"};
constexpr std::size_t kProductid = 0, kToken = 1, kProduct = 2, kRegion = 3, kNeeded = 2;
constexpr std::size_t kAbsent = ~std::size_t{0};
using Columns = std::array<std::size_t, kColumns>;

// One line's fields. Nothing: a quote that does not close, or text behind a closed one.
std::optional<std::vector<std::string>> fields_of(std::string_view line) {
  std::vector<std::string> fields(1);
  enum class At { start, plain, quoted, closed } at = At::start;
  for (const char c : line) {
    if (at == At::quoted) {
      if (c == '"') {
        at = At::closed;
      } else {
        fields.back().push_back(c);
      }
    } else if (c == ',') {
      fields.emplace_back();
      at = At::start;
    } else if (c == '"' && at == At::start) {
      at = At::quoted;
    } else if (c == '"' && at == At::closed) {  // a doubled quote is one
      fields.back().push_back(c);
      at = At::quoted;
    } else if (at == At::closed) {
      return std::nullopt;
    } else {
      fields.back().push_back(c);
      at = At::plain;
    }
  }
  if (at == At::quoted) return std::nullopt;
  return fields;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

class Reader {
 public:
  explicit Reader(const std::vector<std::string>& regions) : regions_(regions) {}

  void header(std::size_t line, std::string_view text) {
    const auto fields = fields_of(text);
    if (!fields) return problem(line, "the header is no CSV: a quote is not closed");
    columns_.fill(kAbsent);
    for (std::size_t i = 0; i < fields->size(); ++i) {
      const auto* const name = std::ranges::find(kNames, (*fields)[i]);
      if (name == kNames.end()) {
        // Not quoted: without a header this is a device, and its token.
        problem(line, "column " + std::to_string(i + 1) +
                          " of the header is unknown; known: productid, accessToken, product, region");
        continue;
      }
      auto& column = columns_.at(static_cast<std::size_t>(name - kNames.begin()));
      if (column != kAbsent) problem(line, "the header names " + std::string(*name) + " twice");
      column = i;
    }
    for (std::size_t i = 0; i < kNeeded; ++i) {
      if (columns_.at(i) == kAbsent) {
        problem(line, "the header lacks " + std::string(kNames.at(i)) +
                          "; a first line is: productid,accessToken,product,region");
      }
    }
    width_ = fields->size();
    readable_ = out_.problems.empty();
  }

  void row(std::size_t line, std::string_view text) {
    if (!readable_) return;
    auto fields = fields_of(text);
    if (!fields) return problem(line, "no CSV: a quote is not closed, or has text behind it");
    if (fields->size() != width_) {
      return problem(line, std::to_string(fields->size()) + " columns, the header has " +
                               std::to_string(width_) + "; a value with a comma needs quotes");
    }
    const auto take = [&](std::size_t column) {
      const auto at = columns_.at(column);
      return at == kAbsent ? std::string() : std::move((*fields)[at]);
    };
    DeviceRow row{.line = line,
                  .productid = take(kProductid),
                  .access_token = take(kToken),
                  .product = take(kProduct),
                  .region = take(kRegion)};
    const auto before = out_.problems.size();
    check(row);
    if (out_.problems.size() != before) return;
    if (out_.rows.size() == kMostDevices) {
      readable_ = false;
      return problem(line, "more than " + std::to_string(kMostDevices) + " devices; split the file");
    }
    out_.rows.push_back(std::move(row));
  }

  void problem(std::size_t line, std::string text) { out_.problems.push_back({line, std::move(text)}); }
  DeviceFile take() { return std::move(out_); }

 private:
  void check(const DeviceRow& row) {
    if (!lambda::valid_productid(row.productid)) {
      problem(row.line, "productid: 1 to 128 of a-z A-Z 0-9 : _ -, it becomes the thing's name");
    } else if (const auto [it, fresh] = lines_.emplace(row.productid, row.line); !fresh) {
      problem(row.line, "productid " + row.productid + " is on line " + std::to_string(it->second) + " too");
    }
    if (row.access_token.size() < kLeastToken || row.access_token.size() > aws::cvm::kMaxAccessToken) {
      problem(row.line, "accessToken: has " + std::to_string(row.access_token.size()) + " bytes; " +
                            std::to_string(kLeastToken) + " to " + std::to_string(aws::cvm::kMaxAccessToken) +
                            " are allowed");
    } else if (has_control(row.access_token) || row.access_token.front() == ' ' ||
               row.access_token.back() == ' ') {
      problem(row.line, "accessToken: has a control character, or a blank at its ends");
    }
    if (!row.product.empty() && !lambda::valid_productid(row.product)) {
      problem(row.line, "product: at most 128 of a-z A-Z 0-9 : _ -, it is a thing type's name");
    }
    if (!row.region.empty() && std::ranges::find(regions_, row.region) == regions_.end()) {
      problem(row.line, "region: not among the regions of this import");
    }
  }

  const std::vector<std::string>& regions_;
  DeviceFile out_;
  Columns columns_{};
  std::size_t width_ = 0;
  bool readable_ = false;
  std::unordered_map<std::string, std::size_t> lines_;
};

}  // namespace

DeviceFile parse_device_file(std::string_view text, const std::vector<std::string>& regions) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Reader reader(regions);
  std::size_t number = 0;
  bool header_seen = false;
  while (!text.empty()) {
    ++number;
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (line.size() > kMostLine) {
      reader.problem(number, "longer than " + std::to_string(kMostLine) + " bytes");
    } else if (!std::exchange(header_seen, true)) {
      reader.header(number, line);
    } else {
      reader.row(number, line);
    }
  }
  if (!header_seen)
    reader.problem(1, "the file is empty; a first line is: productid,accessToken,product,region");
  return reader.take();
}

}  // namespace sluice::stack
