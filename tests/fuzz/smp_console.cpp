// Any bytes on a serial line: however they are cut, the same messages come out, and a good message behind
// them is read.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "plugins/smp/console_framing.hpp"

namespace {

void must(bool kept) {
  if (!kept) std::abort();
}

}  // namespace

// The first byte says how large the pieces are.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::smp;
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<std::string> whole, pieces;
  ConsoleReader one, other;
  one.feed(bytes, whole);
  const std::size_t piece = data[0] % 64 + 1;
  for (std::size_t at = 0; at < bytes.size(); at += piece) other.feed(bytes.substr(at, piece), pieces);
  must(whole == pieces);

  for (const auto& message : whole) {
    std::vector<std::string> again;
    ConsoleReader reader;
    for (const auto& line : console_lines(message)) reader.feed(line, again);
    must(again.size() == 1 && again[0] == message);
  }

  const std::string good("\x08\x00\x00\x01\x00\x01\x00\x00\xA0", 9);
  const auto before = whole.size();
  one.feed("\n", whole);
  for (const auto& line : console_lines(good)) one.feed(line, whole);
  must(whole.size() > before && whole.back() == good);
  return 0;
}
