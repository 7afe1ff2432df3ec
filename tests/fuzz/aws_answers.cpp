// Any bytes as what AWS, the vending service or a caller says: nothing may crash, and what was read keeps its
// bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "aws/cvm.hpp"
#include "aws/service_error.hpp"
#include "aws/sigv4.hpp"
#include "aws/url.hpp"
#include "aws/xml_text.hpp"

using namespace sluice::aws;

namespace {

void read_contract(unsigned status, std::string_view text) {
  if (const auto request = cvm::parse_request(text)) {
    if (request->productid.size() > cvm::kMaxProductId || request->csr.size() > cvm::kMaxCsr) std::abort();
    if (!cvm::parse_request(cvm::to_json(*request))) std::abort();  // what was taken can be said again
  }
  if (const auto vended = cvm::parse_response(200, text, "")) {
    if (vended->certificate_id.size() != 64) std::abort();
  }
  (void)cvm::parse_response(status, text, text.substr(0, 8));
  if (const auto request = cvm::parse_retire_request(text)) {
    if (!request->keep.empty() && request->keep.size() != 64) std::abort();
  }
  (void)cvm::parse_retire_response(200, text, "");
}

void read_error(unsigned status, std::string_view text) {
  HttpResponse response{status, {{"x-amzn-errortype", std::string(text.substr(0, 40))}}, std::string(text)};
  if (service_error(response, "call").text.size() > 1000) std::abort();
  response.headers.clear();
  (void)service_error(response, "call");
}

void check_signature(std::string_view text) {
  HttpRequest request;
  request.url = text;
  request.headers = {{"authorization", "AWS4-HMAC-SHA256 " + std::string(text)},
                     {"x-amz-date", "20240115T120000Z"}};
  const auto nobody = [](std::string_view) { return std::optional<Credentials>(); };
  if (verify(request, nobody, std::chrono::sys_seconds{})) std::abort();  // nobody's key signs nothing
  sign(request, {"AK", "SK", ""}, {"r", "s", std::chrono::sys_seconds{}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const unsigned status = 400 + data[0];
  read_contract(status, text);
  read_error(status, text);
  check_signature(text);
  (void)xml_text(text, {"a", "b"});
  (void)split_url(text);
  return 0;
}
