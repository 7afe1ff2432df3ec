#include "plugins/smp/frame.hpp"

#include <fmt/format.h>

namespace sluice::smp {
namespace {

std::uint8_t byte_at(std::string_view bytes, std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); }

}  // namespace

std::string encode(const Header& header, const cbor::Value& body) {
  const std::string payload = cbor::encode(body);
  std::string out;
  out.reserve(kHeaderSize + payload.size());
  out.push_back(static_cast<char>((static_cast<int>(header.version) << 3) | static_cast<int>(header.op)));
  out.push_back(0);
  out.push_back(static_cast<char>(payload.size() >> 8));
  out.push_back(static_cast<char>(payload.size()));
  out.push_back(static_cast<char>(header.group >> 8));
  out.push_back(static_cast<char>(header.group));
  out.push_back(static_cast<char>(header.sequence));
  out.push_back(static_cast<char>(header.command));
  return out + payload;
}

result<Message> decode(std::string_view bytes) {
  if (bytes.size() < kHeaderSize) {
    return Error{errc::protocol, fmt::format("SMP: {} bytes are less than a header", bytes.size())};
  }
  if (bytes.size() > kMaxMessage) {
    return Error{errc::protocol, fmt::format("SMP: {} bytes are more than a message may have", bytes.size())};
  }
  const std::uint8_t first = byte_at(bytes, 0);
  const int op = first & 7, version = (first >> 3) & 3;
  // The three reserved bits and the flags mean nothing yet, and are not looked at, as the devices do not.
  if (op > static_cast<int>(Op::write_reply))
    return Error{errc::protocol, fmt::format("SMP: operation {}", op)};
  if (version > static_cast<int>(Version::v2))
    return Error{errc::protocol, fmt::format("SMP: version {}", version)};
  const std::size_t length = (std::size_t{byte_at(bytes, 2)} << 8) | byte_at(bytes, 3);
  if (length != bytes.size() - kHeaderSize) {
    return Error{errc::protocol,
                 fmt::format("SMP: {} bytes of body, {} announced", bytes.size() - kHeaderSize, length)};
  }
  Message message;
  message.header.op = static_cast<Op>(op);
  message.header.version = static_cast<Version>(version);
  message.header.group = static_cast<std::uint16_t>((byte_at(bytes, 4) << 8) | byte_at(bytes, 5));
  message.header.sequence = byte_at(bytes, 6);
  message.header.command = byte_at(bytes, 7);
  if (length == 0) {  // an old device's success without words
    message.body = cbor::Map{};
    return message;
  }
  auto body = cbor::decode(bytes.substr(kHeaderSize));
  if (!body) return body.error();
  if (!std::holds_alternative<cbor::Map>(body->is)) return Error{errc::protocol, "SMP: the body is no map"};
  message.body = std::move(*body);
  return message;
}

std::optional<DeviceError> error_in(const cbor::Value& body) {
  if (const auto* err = body.find("err")) {
    // An error that cannot be read is still no success.
    return DeviceError{true, static_cast<std::uint16_t>(err->number("group").value_or(0)),
                       err->number("rc").value_or(1)};
  }
  if (body.find("rc") == nullptr) return std::nullopt;
  const auto code = body.integer("rc");
  if (code == 0) return std::nullopt;
  return DeviceError{false, 0, code && *code > 0 ? static_cast<std::uint64_t>(*code) : 1};
}

}  // namespace sluice::smp
