#include "cloud/local/provisioning/payload.hpp"

namespace sluice::cloud {
namespace {

using nlohmann::json;

// The library's CBOR reader calls itself for each level: a first pass that ends at the bound comes before it.
class Levels final : public nlohmann::json_sax<json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return ++level_ <= kMost; }
  bool end_object() override { return --level_ >= 0; }
  bool start_array(std::size_t) override { return ++level_ <= kMost; }
  bool end_array() override { return --level_ >= 0; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  static constexpr int kMost = 16;
  int level_ = 0;
};

}  // namespace

std::optional<json> read_payload(std::string_view payload, bool cbor) {
  if (payload.empty()) return json::object();
  Levels levels;
  const auto format = cbor ? json::input_format_t::cbor : json::input_format_t::json;
  if (!json::sax_parse(payload.begin(), payload.end(), &levels, format)) return std::nullopt;
  json value = cbor ? json::from_cbor(payload.begin(), payload.end(), true, false)
                    : json::parse(payload, nullptr, false);
  return value.is_object() ? std::optional<json>(std::move(value)) : std::nullopt;
}

std::string write_payload(const json& value, bool cbor) {
  if (!cbor) return value.dump(-1, ' ', false, json::error_handler_t::replace);
  const auto bytes = json::to_cbor(value);
  return {bytes.begin(), bytes.end()};
}

}  // namespace sluice::cloud
