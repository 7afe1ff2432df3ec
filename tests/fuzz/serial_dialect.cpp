// Any frame against the plain dialects and a codec; any configuration of the adapter; any escapes.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "plugins/serial/settings.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::serial;
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  PlainOptions options;
  options.format = static_cast<PlainOptions::Format>(data[0] % 3);
  options.from = static_cast<PlainOptions::From>(data[0] / 3 % 4);
  options.pointer = "/id";
  options.at = data[0] / 12 % 4;
  options.ack = "{address}:{seq}";
  if (options.from == PlainOptions::From::json && options.format != PlainOptions::Format::json) return 0;
  const auto plain = make_plain(options);
  static const auto kCodec = load_codec(SLUICE_TEST_CODECS "/good.so", "{}", {});
  for (auto* dialect : {plain.get(), kCodec ? kCodec->get() : nullptr}) {
    if (dialect == nullptr) __builtin_trap();
    std::vector<Reading> readings;
    Dialect::Frames replies;
    const auto decoded = dialect->decode(bytes, readings, replies);
    if ((decoded == Decoded::readings) == readings.empty()) __builtin_trap();
    for (const auto& reading : readings) {
      if (reading.address.size() > 128) __builtin_trap();
      (void)dialect->ack(reading.address, bytes, true);
      (void)dialect->encode(reading.address, "t", bytes);
    }
  }
  (void)unescaped(bytes);
  return 0;
}
