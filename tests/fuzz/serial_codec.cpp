// Any codec behind codec.h, as far as a host can check one: any shape of its structure, anything said at any
// time, any answer. What comes out of the adapter's side is within its bounds, and each codec that was opened
// is closed.
#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "plugins/codec.h"
#include "plugins/serial/dialect.hpp"

namespace {

// As tests/support/codecs/scripted.c has it.
struct CodecScript {
  const std::uint8_t* data;
  std::size_t size;
  std::size_t opened, closed;
};

constexpr const char* kScripted = SLUICE_TEST_CODECS "/scripted.so";

void must(bool kept) {
  if (!kept) __builtin_trap();
}

void must_be_bounded(const sluice::serial::Dialect::Frames& frames) {
  must(frames.size() <= 16);
  for (const auto& frame : frames) must(frame.size() <= 65'535);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::serial;
  // Kept, so that its script has one place.
  static auto* const kLibrary = ::dlopen(kScripted, RTLD_NOW | RTLD_LOCAL);
  must(kLibrary != nullptr);
  auto& script = *static_cast<CodecScript*>(::dlsym(kLibrary, "codec_script"));
  script = {data, size, 0, 0};
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  {
    const auto codec = load_codec(kScripted, std::string(bytes), [](int level, std::string_view text) {
      must(level >= 0 && level <= 7 && text.size() <= 512);
    });
    must(codec ? script.opened == 1 : !codec.error().text.empty());
    for (int round = 0; codec && round < 3; ++round) {
      std::vector<Reading> readings;
      Dialect::Frames replies;
      const auto decoded = (*codec)->decode(bytes, readings, replies);
      must((decoded == Decoded::readings) == !readings.empty());
      must(readings.size() <= 256);
      for (const auto& reading : readings)
        must(reading.address.size() <= 128 && reading.topic.size() <= 256 &&
             reading.payload.size() <= 65'536);
      must_be_bounded(replies);
      must(replies.empty() || decoded == Decoded::readings || decoded == Decoded::nothing);
      const std::string address(bytes.substr(0, 128));
      if (const auto frames = (*codec)->encode(address, "t", bytes)) must_be_bounded(*frames);
      must_be_bounded((*codec)->poll(address));
      must_be_bounded((*codec)->ack(address, bytes, round % 2 == 0));
    }
  }
  must(script.opened == script.closed);
  return 0;
}
