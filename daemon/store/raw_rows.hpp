// The rows of a table, walked in the raw pages: a page that makes no sense is passed over, the rest is given.
// For salvage only. Format: sqlite.org/fileformat2.html sections 1.6 and 2.1.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "store/raw_pages.hpp"

namespace sluice::store {

struct RawValue {
  enum class Type { null, integer, bytes } type = Type::null;
  std::int64_t integer = 0;
  std::string bytes;  // text and blobs
};

struct RawRow {
  std::int64_t rowid = 0;  // rowid tables only
  std::vector<RawValue> values;
  // What a column holds if it is of that kind.
  std::optional<std::int64_t> number(std::size_t column) const;
  const std::string* bytes(std::size_t column) const;
};

class RawRows {
 public:
  using Fn = std::function<void(const RawRow&)>;

  explicit RawRows(const RawPages& pages) : pages_(pages), visited_(pages.count() + 1) {}

  // Rows below that page. Each page is looked at once in the life of this object, so loops end.
  void walk(PageNumber root, const Fn& fn);
  // Rows of pages that no walk has reached and that are not free; of any table, so fn must know its own.
  void sweep(const Fn& fn);
  // Pages that could not be made sense of.
  std::uint64_t damaged_pages() const { return damaged_; }

 private:
  struct Cell;
  bool leaf_or_interior(PageNumber page, const std::string& bytes, const Fn& fn,
                        std::vector<PageNumber>* children);
  bool payload(const std::string& page, std::size_t at, std::uint64_t size, bool table,
               std::string& out) const;
  static std::optional<RawRow> decode(const std::string& payload);
  void skip_free_pages();

  const RawPages& pages_;
  std::vector<bool> visited_;
  std::uint64_t damaged_ = 0;
};

}  // namespace sluice::store
