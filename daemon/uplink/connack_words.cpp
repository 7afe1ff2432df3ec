#include "uplink/connack_words.hpp"

#include <fmt/format.h>

namespace sluice::uplink {
namespace {

std::uint8_t mqtt5_code(int code) {
  switch (code) {
    case 1:
      return 0x84;
    case 2:
      return 0x85;
    case 3:
      return 0x88;
    case 4:
      return 0x86;
    case 5:
    case 7:
      return 0x87;  // AWS's 3.1.1 for "not authorized"
    default:
      return static_cast<std::uint8_t>(code);
  }
}

}  // namespace

ConnectFailure connack_failure(const LinkOptions& options, int code) {
  using Kind = ConnectFailure::Kind;
  const auto reason = mqtt5_code(code);
  const auto& id = options.client_id;
  const auto fail = [&](Kind kind, errc code_word, std::string text) {
    return ConnectFailure{kind, reason, {code_word, std::move(text)}};
  };
  switch (reason) {
    case 0x84:
      return fail(Kind::version, errc::unsupported,
                  fmt::format("{} does not speak MQTT {}", options.host, options.mqtt5 ? "5" : "3.1.1"));
    case 0x85:
      return fail(
          Kind::refused, errc::refused,
          fmt::format("{} does not accept the client id {}; the thing's name must be at most 128 bytes and "
                      "allowed by the policy",
                      options.host, id));
    case 0x86:
    case 0x87:
      return fail(
          Kind::refused, errc::unauthorized,
          fmt::format(
              "{} does not let {} in: not authorized; is its certificate active, and does its policy allow "
              "iot:Connect on client/{}?",
              options.host, id, id));
    case 0x88:
    case 0x89:
      return fail(Kind::refused, errc::throttled, fmt::format("{} is busy or unavailable", options.host));
    case 0x97:
    case 0x9f:
      return fail(Kind::refused, errc::throttled,
                  fmt::format("{} refuses: too many connects or a quota is used up", options.host));
    default:
      return fail(
          Kind::refused, errc::refused,
          fmt::format("{} refuses the connection of {} with reason 0x{:02x}", options.host, id, reason));
  }
}

ConnectFailure closed_after_connect(const LinkOptions& options) {
  return {ConnectFailure::Kind::closed,
          0,
          {errc::closed,
           fmt::format("{}:{} closes the connection after CONNECT without a word; is the certificate of {} "
                       "active, does its policy allow iot:Connect, is another client using its id?",
                       options.host, options.port, options.client_id)}};
}

ConnectFailure closed_in_handshake(const LinkOptions& options) {
  return {
      ConnectFailure::Kind::closed,
      0,
      {errc::closed,
       fmt::format("{}:{} closes the connection in the TLS handshake, after our certificate, without a word; "
                   "is the certificate of {} registered and active in this account and region?",
                   options.host, options.port, options.client_id)}};
}

}  // namespace sluice::uplink
