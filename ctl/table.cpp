#include "table.hpp"

#include <algorithm>

#include "words.hpp"

namespace sluice::ctl {

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void Table::add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (auto& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::text(std::string_view indent) const {
  std::vector<std::size_t> widths(columns_.size());
  std::vector<bool> used(columns_.size());
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    widths[c] = width(columns_[c].title);
    for (const auto& row : rows_) {
      widths[c] = std::max(widths[c], width(row[c]));
      used[c] = used[c] || !row[c].empty();
    }
  }
  std::string out;
  const auto line = [&](const auto& cell_of) {
    std::string text(indent);
    bool first = true;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (!used[c]) continue;
      if (!first) text += "  ";
      first = false;
      const std::string& cell = cell_of(c);
      const std::string pad(widths[c] - width(cell), ' ');
      text += columns_[c].align == Align::right ? pad + cell : cell + pad;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + '\n';
  };
  line([&](std::size_t c) -> const std::string& { return columns_[c].title; });
  for (const auto& row : rows_) line([&](std::size_t c) -> const std::string& { return row[c]; });
  return out;
}

}  // namespace sluice::ctl
