// Any bytes as an SMP message: never read beyond, and what is accepted is said again with the same meaning.
// What the replies of a device mean is read from whatever it was.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugins/smp/commands.hpp"

namespace {

void must(bool kept) {
  if (!kept) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::smp;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto message = decode(bytes);
  if (!message) {
    must(!message.error().text.empty());
    return 0;
  }
  const auto again = decode(encode(message->header, message->body));
  must(again && again->header == message->header);
  if (const auto error = error_in(message->body)) must(!error_of(*error, read_image_state()).text.empty());
  if (const auto slots = image_state_in(message->body)) must(slots->size() <= 16);
  (void)params_in(message->body).has_value();
  (void)upload_reply_in(message->body).has_value();
  (void)to_string(boot_mode_in(message->body));
  return 0;
}
