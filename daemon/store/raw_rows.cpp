#include "store/raw_rows.hpp"

#include <algorithm>

namespace sluice::store {
namespace {

enum PageType : unsigned char { index_interior = 2, table_interior = 5, index_leaf = 10, table_leaf = 13 };

// SQLite's big-endian varint; 0 bytes: it runs out of the page.
std::size_t varint(std::string_view bytes, std::size_t at, std::uint64_t& value) {
  value = 0;
  for (std::size_t i = 0; i < 9; ++i) {
    if (at + i >= bytes.size()) return 0;
    const auto byte = static_cast<unsigned char>(bytes[at + i]);
    if (i == 8) {
      value = value << 8 | byte;
      return 9;
    }
    value = value << 7 | (byte & 0x7FU);
    if (byte < 0x80) return i + 1;
  }
  return 0;
}

}  // namespace

std::optional<std::int64_t> RawRow::number(std::size_t column) const {
  if (column >= values.size() || values[column].type != RawValue::Type::integer) return {};
  return values[column].integer;
}

const std::string* RawRow::bytes(std::size_t column) const {
  if (column >= values.size() || values[column].type != RawValue::Type::bytes) return nullptr;
  return &values[column].bytes;
}

// Section 1.6: how much of a payload lies on the page itself, and the chain of overflow pages.
bool RawRows::payload(const std::string& page, std::size_t at, std::uint64_t size, bool table,
                      std::string& out) const {
  constexpr std::uint64_t kMost = 64U << 20;
  const std::uint64_t usable = pages_.page_size();
  if (size > kMost) return false;
  const std::uint64_t most = table ? usable - 35 : (usable - 12) * 64 / 255 - 23;
  std::uint64_t local = size;
  if (size > most) {
    const std::uint64_t least = (usable - 12) * 32 / 255 - 23;
    const std::uint64_t fit = least + (size - least) % (usable - 4);
    local = fit <= most ? fit : least;
  }
  if (at + local + (local < size ? 4 : 0) > page.size()) return false;
  out.assign(page, at, local);
  if (local == size) return true;
  PageNumber next = big_endian(page, at + local, 4);
  while (out.size() < size) {
    const auto more = pages_.read(next);
    if (more.size() != usable) return false;
    next = big_endian(more, 0, 4);
    out.append(more, 4, std::min<std::uint64_t>(usable - 4, size - out.size()));
  }
  return true;
}

std::optional<RawRow> RawRows::decode(const std::string& payload) {
  std::uint64_t header = 0;
  auto at = varint(payload, 0, header);
  if (at == 0 || header > payload.size()) return {};
  RawRow row;
  std::size_t body = header;
  while (at < header) {
    std::uint64_t type = 0;
    const auto n = varint(payload, at, type);
    if (n == 0 || row.values.size() > 64) return {};
    at += n;
    RawValue value;
    static constexpr std::uint8_t kWidths[] = {0, 1, 2, 3, 4, 6, 8};
    if (type >= 1 && type <= 6) {
      const std::size_t width = kWidths[type];
      if (body + width > payload.size()) return {};
      value.type = RawValue::Type::integer;
      std::uint64_t bits = (static_cast<unsigned char>(payload[body]) & 0x80) != 0 ? ~std::uint64_t{0} : 0;
      for (std::size_t i = 0; i < width; ++i)
        bits = bits << 8 | static_cast<unsigned char>(payload[body + i]);
      value.integer = static_cast<std::int64_t>(bits);
      body += width;
    } else if (type == 8 || type == 9) {
      value.type = RawValue::Type::integer;
      value.integer = type == 9 ? 1 : 0;
    } else if (type >= 12) {
      const std::uint64_t size = (type - 12) / 2;
      if (size > payload.size() - body) return {};
      value.type = RawValue::Type::bytes;
      value.bytes.assign(payload, body, size);
      body += size;
    } else if (type != 0) {
      return {};  // a real number or a reserved type: not ours
    }
    row.values.push_back(std::move(value));
  }
  return row;
}

bool RawRows::leaf_or_interior(PageNumber number, const std::string& page, const Fn& fn,
                               std::vector<PageNumber>* children) {
  if (page.empty()) return false;
  const std::size_t head = number == 1 ? 100 : 0;
  const auto type = static_cast<unsigned char>(page[head]);
  const bool interior = type == index_interior || type == table_interior;
  const bool table = type == table_interior || type == table_leaf;
  if (!interior && type != index_leaf && type != table_leaf) return false;
  const auto cells = big_endian(page, head + 3, 2);
  const std::size_t array = head + (interior ? 12 : 8);
  if (array + 2 * cells > page.size()) return false;
  bool whole = true;
  for (std::size_t i = 0; i < cells; ++i) {
    std::size_t at = big_endian(page, array + 2 * i, 2);
    if (interior) {
      if (at + 4 > page.size()) {
        whole = false;
        continue;
      }
      if (children != nullptr) children->push_back(big_endian(page, at, 4));
      at += 4;
      if (table) continue;
    }
    std::uint64_t size = 0, rowid = 0;
    const auto n = varint(page, at, size);
    const auto m = table && n != 0 ? varint(page, at + n, rowid) : 0;
    std::string bytes;
    std::optional<RawRow> row;
    if (n != 0 && (!table || m != 0) && payload(page, at + n + m, size, table, bytes)) row = decode(bytes);
    if (!row) {
      whole = false;
      continue;
    }
    row->rowid = static_cast<std::int64_t>(rowid);
    fn(*row);
  }
  if (interior && children != nullptr) children->push_back(big_endian(page, head + 8, 4));
  return whole;
}

void RawRows::walk(PageNumber root, const Fn& fn) {
  std::vector<PageNumber> stack{root};
  while (!stack.empty()) {
    const PageNumber page = stack.back();
    stack.pop_back();
    if (page == 0 || page >= visited_.size()) {
      ++damaged_;
      continue;
    }
    if (visited_[page]) continue;
    visited_[page] = true;
    std::vector<PageNumber> children;
    if (!leaf_or_interior(page, pages_.read(page), fn, &children)) ++damaged_;
    stack.insert(stack.end(), children.rbegin(), children.rend());
  }
}

void RawRows::skip_free_pages() {
  const auto first = pages_.read(1);
  if (first.size() < 100) return;
  for (PageNumber trunk = big_endian(first, 32, 4);
       trunk != 0 && trunk < visited_.size() && !visited_[trunk];) {
    visited_[trunk] = true;
    const auto page = pages_.read(trunk);
    if (page.empty()) return;
    const auto leaves = big_endian(page, 4, 4);
    for (std::size_t i = 0; i < leaves && 12 + 4 * i <= page.size(); ++i) {
      const auto leaf = big_endian(page, 8 + 4 * i, 4);
      if (leaf < visited_.size()) visited_[leaf] = true;
    }
    trunk = big_endian(page, 0, 4);
  }
}

void RawRows::sweep(const Fn& fn) {
  skip_free_pages();
  for (PageNumber page = 2; page < visited_.size(); ++page) {
    if (!visited_[page]) leaf_or_interior(page, pages_.read(page), fn, nullptr);
  }
}

}  // namespace sluice::store
