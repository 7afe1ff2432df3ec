// Any bytes as CBOR: bounded, and what is accepted is encoded to something that decodes to the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugins/smp/cbor.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::smp;
  const auto value = cbor::decode({reinterpret_cast<const char*>(data), size});
  if (!value) return 0;
  const std::string once = cbor::encode(*value);
  const auto again = cbor::decode(once);
  if (!again || cbor::encode(*again) != once) std::abort();
  return 0;
}
