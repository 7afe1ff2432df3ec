#include "store/raw_pages.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>

namespace sluice::store {
namespace {

constexpr std::size_t kWalHeader = 32, kFrameHeader = 24;

std::string read_at(int fd, std::int64_t at, std::size_t n) {
  std::string bytes(n, '\0');
  std::size_t got = 0;
  while (got < n) {
    const auto r = ::pread(fd, bytes.data() + got, n - got, at + static_cast<std::int64_t>(got));
    if (r <= 0) return {};
    got += static_cast<std::size_t>(r);
  }
  return bytes;
}

std::int64_t size_of(int fd) {
  struct stat st{};
  return fd >= 0 && ::fstat(fd, &st) == 0 ? st.st_size : 0;
}

struct WalSum {
  bool big = false;
  std::uint32_t a = 0, b = 0;
  void add(std::string_view bytes) {
    for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      a += word(bytes, i) + b;
      b += word(bytes, i + 4) + a;
    }
  }
  std::uint32_t word(std::string_view bytes, std::size_t at) const {
    const auto value = big_endian(bytes, at, 4);
    return big ? value : __builtin_bswap32(value);
  }
};

}  // namespace

RawPages::RawPages(const std::filesystem::path& file)
    : db_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)),
      wal_(::open((file.string() + "-wal").c_str(), O_RDONLY | O_CLOEXEC)) {
  if (const auto head = read_at(db_, 0, 100); !head.empty()) {
    const auto size = big_endian(head, 16, 2);
    if (size >= 512 && std::has_single_bit(size)) page_size_ = size;
  }
  count_ = static_cast<PageNumber>(size_of(db_) / page_size_);
  index_wal();
}

RawPages::~RawPages() {
  if (db_ >= 0) ::close(db_);
  if (wal_ >= 0) ::close(wal_);
}

void RawPages::index_wal() {
  const auto head = read_at(wal_, 0, kWalHeader);
  if (head.empty() || (big_endian(head, 0, 4) & ~1U) != 0x377f0682U) return;
  if (big_endian(head, 8, 4) != page_size_) {
    if (count_ != 0) return;
    page_size_ = big_endian(head, 8, 4);
    if (page_size_ < 512 || page_size_ > 65536) return;
  }
  WalSum sum{(big_endian(head, 0, 4) & 1U) != 0};
  sum.add(std::string_view(head).substr(0, 24));
  if (sum.a != big_endian(head, 24, 4) || sum.b != big_endian(head, 28, 4)) return;
  std::unordered_map<PageNumber, std::int64_t> open;  // of the transaction being read
  const auto end = size_of(wal_);
  for (std::int64_t at = kWalHeader; at + static_cast<std::int64_t>(kFrameHeader + page_size_) <= end;
       at += static_cast<std::int64_t>(kFrameHeader + page_size_)) {
    const auto frame = read_at(wal_, at, kFrameHeader + page_size_);
    if (frame.empty() || frame.compare(8, 8, head, 16, 8) != 0) return;
    sum.add(std::string_view(frame).substr(0, 8));
    sum.add(std::string_view(frame).substr(kFrameHeader));
    if (sum.a != big_endian(frame, 16, 4) || sum.b != big_endian(frame, 20, 4)) return;
    open[big_endian(frame, 0, 4)] = at + static_cast<std::int64_t>(kFrameHeader);
    if (const auto pages = big_endian(frame, 4, 4); pages != 0) {
      for (const auto& [page, offset] : open) in_wal_[page] = offset;
      open.clear();
      count_ = std::max(count_, pages);
    }
  }
}

std::string RawPages::read(PageNumber page) const {
  if (page == 0) return {};
  if (const auto it = in_wal_.find(page); it != in_wal_.end()) return read_at(wal_, it->second, page_size_);
  return read_at(db_, static_cast<std::int64_t>(page - 1) * page_size_, page_size_);
}

}  // namespace sluice::store
