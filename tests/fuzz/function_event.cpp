// What comes to the cloud's functions from anybody: API events, signing requests, certificates. The first
// byte says which. What is read from an event is what a front would write again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cloud/lambda/apigw_event.hpp"
#include "cloud/lambda/base64.hpp"
#include "cloud/lambda/public_key.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::lambda;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0]) {
    case 'e': {
      const auto request = parse_api_request(text);
      if (!request || request->simple) break;
      const auto again = parse_api_request(rest_event(*request));
      if (!again || again->method != request->method || again->headers.size() != request->headers.size()) {
        std::abort();
      }
      break;
    }
    case 'r': {
      const auto hash = key_hash_of_csr(text);
      if (hash && hash->size() != 64) std::abort();
      break;
    }
    case 'c':
      (void)key_hash_of_certificate(text);
      (void)common_name_of_certificate(text);
      break;
    default: {
      const auto raw = from_base64(text);
      if (raw && raw->size() > text.size()) std::abort();
    }
  }
  return 0;
}
