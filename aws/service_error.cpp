#include "aws/service_error.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "aws/json_text.hpp"
#include "aws/xml_text.hpp"

namespace sluice::aws {
namespace {

constexpr std::size_t kMostErrorBody = 64 * 1024;
constexpr std::size_t kMostWords = 500;

struct Said {
  std::string code, message;
};

// "com.amazonaws.dynamodb.v20120810#ThrottlingException", "ThrottlingException:http://internal..." -> the
// word.
std::string word_of(std::string_view code) {
  const auto hash = code.rfind('#');
  if (hash != std::string_view::npos) code.remove_prefix(hash + 1);
  code = code.substr(0, code.find(':'));
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
  };
  if (code.size() > 100 || !std::ranges::all_of(code, is_word)) return {};
  return std::string(code);
}

// For logs: without control characters, and not for ever.
std::string printable(std::string text) {
  if (text.size() > kMostWords) text.resize(kMostWords);
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

Said said_by(const HttpResponse& response) {
  Said said;
  if (const auto object = parse_object(response.body, kMostErrorBody)) {
    said.code = text_in(*object, "__type");
    if (said.code.empty()) said.code = text_in(*object, "code");
    said.message = text_in(*object, "message");
    if (said.message.empty()) said.message = text_in(*object, "Message");
  } else if (response.body.starts_with('<')) {
    said.code = xml_text(response.body, {"ErrorResponse", "Error", "Code"}).value_or("");
    said.message = xml_text(response.body, {"ErrorResponse", "Error", "Message"}).value_or("");
  }
  if (const auto type = response.header("x-amzn-errortype"); !type.empty()) said.code = type;
  return {word_of(said.code), printable(std::move(said.message))};
}

Error::Kind kind_of(unsigned status, std::string_view code) {
  constexpr std::array kDenied = {"AccessDeniedException",
                                  "AccessDenied",
                                  "UnrecognizedClientException",
                                  "InvalidSignatureException",
                                  "SignatureDoesNotMatch",
                                  "ExpiredTokenException",
                                  "ExpiredToken",
                                  "InvalidClientTokenId",
                                  "MissingAuthenticationToken",
                                  "MissingAuthenticationTokenException",
                                  "IncompleteSignature",
                                  "IncompleteSignatureException",
                                  "UnauthorizedException"};
  constexpr std::array kPassing = {"InternalFailure",
                                   "InternalServerError",
                                   "InternalFailureException",
                                   "ServiceUnavailable",
                                   "ServiceUnavailableException",
                                   "TransactionInProgressException",
                                   "IDPCommunicationError",
                                   "RequestTimeout"};
  constexpr std::array kConflict = {
      "ConditionalCheckFailedException", "ResourceAlreadyExistsException", "ConflictException",
      "VersionConflictException",        "DeleteConflictException",        "ResourceInUseException",
      "TransactionCanceledException"};
  const auto is_in = [&code](const auto& words) { return std::ranges::find(words, code) != words.end(); };
  if (is_throttling_code(code) || status == 429) return Error::Kind::throttled;
  if (is_in(kPassing) || status >= 500) return Error::Kind::unavailable;
  if (is_in(kDenied)) return Error::Kind::denied;
  if (is_in(kConflict)) return Error::Kind::conflict;
  if (code == "ResourceNotFoundException") return Error::Kind::not_found;
  if (status == 401 || status == 403) return Error::Kind::denied;
  if (status == 404) return Error::Kind::not_found;
  if (status == 409) return Error::Kind::conflict;
  if (status == 408) return Error::Kind::unavailable;
  if (status >= 400) return Error::Kind::invalid;
  return Error::Kind::protocol;  // a redirect, or a 1xx: no AWS service of ours answers so
}

}  // namespace

bool is_throttling_code(std::string_view code) {
  constexpr std::array kCodes = {"Throttling",
                                 "ThrottlingException",
                                 "ThrottledException",
                                 "RequestThrottled",
                                 "RequestThrottledException",
                                 "TooManyRequestsException",
                                 "TooManyRequests",
                                 "ProvisionedThroughputExceededException",
                                 "RequestLimitExceeded",
                                 "BandwidthLimitExceeded",
                                 "PriorRequestNotComplete",
                                 "EC2ThrottledException",
                                 "SlowDown"};
  return std::ranges::find(kCodes, code) != kCodes.end();
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view header) {
  unsigned seconds = 0;
  const auto [end, problem] = std::from_chars(header.data(), header.data() + header.size(), seconds);
  if (problem != std::errc{} || end != header.data() + header.size() || seconds > 86400) return std::nullopt;
  return std::chrono::seconds(seconds);
}

Error service_error(const HttpResponse& response, std::string_view call) {
  auto said = said_by(response);
  Error error;
  error.kind = kind_of(response.status, said.code);
  error.status = response.status;
  error.retry_after = parse_retry_after(response.header("retry-after"));
  error.text = std::string(call) + ": HTTP " + std::to_string(response.status);
  if (!said.code.empty()) error.text += " " + said.code;
  if (!said.message.empty()) error.text += ": " + said.message;
  error.code = std::move(said.code);
  return error;
}

}  // namespace sluice::aws
