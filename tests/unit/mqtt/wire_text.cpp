#include "wire_text.hpp"

#include <cctype>
#include <stdexcept>
#include <variant>
#include <vector>

#include "mqtt/wire.hpp"

namespace sluice::mqtt {

std::string wire(std::string_view text) {
  std::vector<std::string> open(1);  // the innermost block is last
  const auto until = [&](std::size_t& at, char end) {
    const std::size_t stop = text.find(end, at + 1);
    if (stop == std::string_view::npos)
      throw std::invalid_argument("wire text: no end of " + std::string(text));
    const std::string_view inside = text.substr(at + 1, stop - at - 1);
    at = stop;
    return inside;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == ' ') continue;
    if (c == '\'') {
      open.back().append(until(at, '\''));
    } else if (c == '<') {
      put_binary(open.back(), until(at, '>'));
    } else if (c == '{') {
      open.emplace_back();
    } else if (c == '}' && open.size() > 1) {
      const std::string block = std::move(open.back());
      open.pop_back();
      put_variable(open.back(), block.size());
      open.back() += block;
    } else if (std::isxdigit(static_cast<unsigned char>(c)) != 0 && at + 1 < text.size()) {
      open.back().push_back(static_cast<char>(std::stoi(std::string(text.substr(at, 2)), nullptr, 16)));
      ++at;
    } else {
      throw std::invalid_argument("wire text: cannot read " + std::string(text.substr(at)));
    }
  }
  if (open.size() != 1) throw std::invalid_argument("wire text: block not closed in " + std::string(text));
  return open.back();
}

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += {kDigits[byte >> 4], kDigits[byte & 15], ' '};
  }
  return out;
}

std::string encoded(const Packet& packet, Version version) {
  std::string out;
  struct {
    std::string& out;
    Version version;
    void operator()(const Connect& p) const { encode(p, out); }
    void operator()(const Auth& p) const { encode(p, out); }
    void operator()(const Pingreq&) const { encode_pingreq(out); }
    void operator()(const Pingresp&) const { encode_pingresp(out); }
    void operator()(const Unsuback& p) const { encode(p, version, out); }
    void operator()(const Suback& p) const { encode(p, version, out); }
    void operator()(const Connack& p) const { encode(p, version, out); }
    void operator()(const Publish& p) const { encode(p, version, out); }
    void operator()(const Ack& p) const { encode(p, version, out); }
    void operator()(const Subscribe& p) const { encode(p, version, out); }
    void operator()(const Unsubscribe& p) const { encode(p, version, out); }
    void operator()(const Disconnect& p) const { encode(p, version, out); }
  } put{out, version};
  std::visit(put, packet);
  return out;
}

}  // namespace sluice::mqtt
