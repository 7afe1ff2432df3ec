// Frames that carry their device's address at a fixed place, or no address at all.
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "plugins/serial/dialect.hpp"

namespace sluice::serial {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLongestAddress = 128;

std::string as_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

void replace(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

class Plain final : public Dialect {
 public:
  explicit Plain(PlainOptions options) : options_(std::move(options)) {}

  Decoded decode(std::string_view frame, std::vector<Reading>& readings, Frames&) override {
    if (options_.format == PlainOptions::Format::text &&
        frame.find_first_not_of(" \t") == std::string_view::npos)
      return Decoded::nothing;
    auto address = address_of(frame);
    if (!address) return Decoded::bad;
    readings.push_back({std::move(*address), {}, std::string(frame)});
    return Decoded::readings;
  }

  result<Frames> encode(const std::string&, std::string_view, std::string_view payload) override {
    return Frames{std::string(payload)};
  }
  Frames poll(const std::string& address) override { return filled(options_.poll, address, {}); }
  Frames ack(const std::string& address, std::string_view frame, bool taken) override {
    return filled(taken ? options_.ack : options_.nack, address, frame);
  }

 private:
  std::optional<std::string> address_of(std::string_view frame) const {
    if (options_.format == PlainOptions::Format::json) {
      const auto json = Json::parse(frame, nullptr, false);
      if (json.is_discarded() || !(json.is_object() || json.is_array())) return std::nullopt;
      if (options_.from != PlainOptions::From::json) return address_in(frame);
      const Json::json_pointer pointer(options_.pointer);
      if (!json.contains(pointer)) return std::nullopt;
      const auto& value = json.at(pointer);
      if (!value.is_string() && !value.is_number()) return std::nullopt;
      return bounded(as_text(value));
    }
    return address_in(frame);
  }

  std::optional<std::string> address_in(std::string_view frame) const {
    if (options_.from == PlainOptions::From::none) return std::string();
    if (options_.from == PlainOptions::From::byte) {
      if (options_.at >= frame.size()) return std::nullopt;
      return std::to_string(static_cast<unsigned char>(frame[options_.at]));
    }
    auto rest = frame;
    for (std::size_t field = 0; field < options_.at; ++field) {
      const auto end = rest.find(options_.separator);
      if (end == std::string_view::npos) return std::nullopt;
      rest.remove_prefix(end + 1);
    }
    return bounded(std::string(rest.substr(0, rest.find(options_.separator))));
  }

  static std::optional<std::string> bounded(std::string address) {
    if (address.empty() || address.size() > kLongestAddress) return std::nullopt;
    return address;
  }

  Frames filled(std::string text, const std::string& address, std::string_view frame) const {
    if (text.empty()) return {};
    // In a binary frame the address is a byte, as it came.
    std::string shown = address;
    unsigned number = 0;
    const auto read = std::from_chars(address.data(), address.data() + address.size(), number);
    if (options_.from == PlainOptions::From::byte && read.ec == std::errc() && number < 256)
      shown = std::string(1, static_cast<char>(number));
    replace(text, "{address}", shown);
    if (text.find("{seq}") != std::string::npos) {
      const auto json = Json::parse(frame, nullptr, false);
      const auto seq = json.is_object() ? json.find("seq") : json.end();
      replace(text, "{seq}", json.is_object() && seq != json.end() ? as_text(*seq) : "");
    }
    return {std::move(text)};
  }

  PlainOptions options_;
};

}  // namespace

std::unique_ptr<Dialect> make_plain(const PlainOptions& options) { return std::make_unique<Plain>(options); }

result<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char next = ++i < text.size() ? text[i] : '\0';
    if (next == 'x' && i + 2 < text.size()) {
      unsigned value = 0;
      const auto* first = text.data() + i + 1;
      if (const auto read = std::from_chars(first, first + 2, value, 16); read.ptr == first + 2) {
        out += static_cast<char>(value);
        i += 2;
        continue;
      }
    }
    switch (next) {
      case 'r':
        out += '\r';
        break;
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case '\\':
        out += '\\';
        break;
      default:
        return Error{errc::invalid_argument,
                     fmt::format("`{}` has an escape that is none of \\r \\n \\t \\\\ \\xHH", text)};
    }
  }
  return out;
}

}  // namespace sluice::serial
