#include "uplink/record_ids.hpp"

#include <fmt/format.h>

#include <iterator>

namespace sluice::uplink {
namespace {

void append_range(std::string& out, std::uint64_t first, std::uint64_t last) {
  if (first == 0) return;
  if (!out.empty()) out.push_back(',');
  if (first == last) {
    fmt::format_to(std::back_inserter(out), "{}", first);
  } else {
    fmt::format_to(std::back_inserter(out), "{}-{}", first, last);
  }
}

void append_text(std::string& out, std::string_view text) {
  out.push_back(static_cast<char>(text.size() >> 8));
  out.push_back(static_cast<char>(text.size() & 0xff));
  out.append(text);
}

}  // namespace

void append_user_property(std::string& out, std::string_view key, std::string_view value) {
  out.push_back(0x26);
  append_text(out, key.substr(0, 0xffff));
  append_text(out, value.substr(0, 0xffff));
}

void IdRanges::add(std::uint64_t id) {
  if (first_ != 0 && id == last_ + 1) {
    last_ = id;
    return;
  }
  append_range(closed_, first_, last_);
  first_ = last_ = id;
}

std::string IdRanges::text() const {
  std::string out = closed_;
  append_range(out, first_, last_);
  return out;
}

void IdRanges::clear() {
  closed_.clear();
  first_ = last_ = 0;
}

}  // namespace sluice::uplink
