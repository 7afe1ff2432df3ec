// The pages of a SQLite file as they lie on the disk, WAL included, without SQLite: for salvage, when SQLite
// itself refuses the file. Nothing is written. Format: sqlite.org/fileformat2.html sections 1 and 4.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sluice::store {

using PageNumber = std::uint32_t;  // from 1

class RawPages {
 public:
  explicit RawPages(const std::filesystem::path& file);  // with -wal beside it; missing files have no pages
  ~RawPages();
  RawPages(const RawPages&) = delete;
  RawPages& operator=(const RawPages&) = delete;

  std::uint32_t page_size() const { return page_size_; }
  PageNumber count() const { return count_; }
  // Empty: there is no such page, or the disk does not give it. The newest committed version.
  std::string read(PageNumber page) const;

 private:
  void index_wal();

  int db_ = -1, wal_ = -1;
  std::uint32_t page_size_ = 4096;
  PageNumber count_ = 0;
  std::unordered_map<PageNumber, std::int64_t> in_wal_;  // offset of the page's bytes
};

inline std::uint32_t big_endian(std::string_view bytes, std::size_t at, unsigned width) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < width; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

}  // namespace sluice::store
