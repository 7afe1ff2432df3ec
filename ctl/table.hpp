// A table of text with aligned columns, for terminals and for grep. Columns that are empty in every row are
// left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::ctl {

class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as columns. Cells are made printable.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // Every line ends with a newline; two spaces between columns; `indent` before each line.
  std::string text(std::string_view indent = "") const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Columns on a terminal that this UTF-8 text takes, as if no character were wide.
std::size_t width(std::string_view text);

}  // namespace sluice::ctl
