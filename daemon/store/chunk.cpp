#include "store/chunk.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "store/crc32c.hpp"
#include "store/varint.hpp"

namespace sluice::store {

char* Buffer::grow(std::size_t by) {
  if (size_ + by > capacity_) {
    const std::size_t wanted = std::max({size_ + by, capacity_ * 2, std::size_t{512}});
    char* moved = static_cast<char*>(std::realloc(data_.release(), wanted));
    if (moved == nullptr) throw std::bad_alloc();
    data_.reset(moved);
    capacity_ = wanted;
  }
  return data_.get() + size_;
}

void Buffer::assign(std::string_view bytes) {
  size_ = 0;
  if (bytes.empty()) return;
  std::memcpy(grow(bytes.size()), bytes.data(), bytes.size());
  size_ = bytes.size();
}

void Buffer::shrink() {
  if (size_ == 0 || capacity_ - size_ <= size_ / 4) return;
  char* old = data_.release();
  char* moved = static_cast<char*>(std::realloc(old, size_));
  data_.reset(moved != nullptr ? moved : old);
  if (moved != nullptr) capacity_ = size_;
}

std::uint32_t Chunk::checksum() const {
  std::array<char, 80> head;
  char* p = head.data();
  for (const std::uint64_t v :
       {static_cast<std::uint64_t>(id()), std::uint64_t{count}, std::uint64_t{min_expiry},
        std::uint64_t{max_expiry}, zigzag(wall_ms), std::uint64_t{boot}}) {
    p = put_varint(p, v);
  }
  return crc32c(data.view(), crc32c({head.data(), static_cast<std::size_t>(p - head.data())}));
}

void add_record(Chunk& chunk, const Append& a, StoreSeconds expires, std::int64_t wall_ms) {
  constexpr std::size_t kMostHeader = 4 * 5 + 10 + 3 * 10;
  char* p = chunk.data.grow(kMostHeader + a.topic.size() + a.payload.size() + a.properties.size());
  if (chunk.count == 0) {
    chunk.wall_ms = wall_ms;
    chunk.min_expiry = chunk.max_expiry = expires;
  } else {
    if (expires != kNever && (chunk.min_expiry == kNever || expires < chunk.min_expiry))
      chunk.min_expiry = expires;
    if (expires == kNever || chunk.max_expiry == kNever) {
      chunk.max_expiry = kNever;
    } else {
      chunk.max_expiry = std::max(chunk.max_expiry, expires);
    }
  }
  p = put_varint(p, a.device);
  p = put_varint(p, a.route);
  p = put_varint(p, expires);
  p = put_varint(p, zigzag(wall_ms - chunk.wall_ms));
  p = put_varint(p, a.topic.size());
  p = put_varint(p, a.payload.size());
  p = put_varint(p, a.properties.size());
  for (const auto part : {a.topic, a.payload, a.properties}) {
    if (!part.empty()) std::memcpy(p, part.data(), part.size());
    p += part.size();
  }
  chunk.data.advance_to(p);
  ++chunk.count;
}

bool RecordReader::next(Record& record) {
  if (at_ == end_ || index_ >= chunk_.count) return false;
  std::array<std::uint64_t, 7> v{};
  const char* p = at_;
  for (auto& value : v) {
    p = get_varint(p, end_, value);
    if (p == nullptr) return false;
  }
  const auto left = static_cast<std::uint64_t>(end_ - p);
  if (v[4] > left || v[5] > left || v[6] > left || v[4] + v[5] + v[6] > left) return false;
  record.key = {lane_of(chunk_.queue), priority_of(chunk_.queue), record_id(chunk_.sequence, index_)};
  record.device = static_cast<NameId>(v[0]);
  record.route = static_cast<NameId>(v[1]);
  record.expires = static_cast<StoreSeconds>(v[2]);
  record.wall_ms = chunk_.wall_ms + unzigzag(v[3]);
  record.wall_is_plausible = chunk_.boot == 0;
  record.topic = {p, v[4]};
  record.payload = {p + v[4], v[5]};
  record.properties = {p + v[4] + v[5], v[6]};
  p += v[4] + v[5] + v[6];
  last_size_ = static_cast<std::size_t>(p - at_);
  at_ = p;
  ++index_;
  return true;
}

}  // namespace sluice::store
