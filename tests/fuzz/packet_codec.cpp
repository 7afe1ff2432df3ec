// Any bytes as an MQTT packet: the decoder never reads beyond them, and what it accepts it encodes to a
// packet that means the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <variant>

#include "mqtt/codec.hpp"
#include "mqtt/wire.hpp"

namespace {

using namespace sluice::mqtt;

void must(bool kept) {
  if (!kept) std::abort();
}

std::string encoded(const Packet& packet, Version version) {
  std::string out;
  std::visit(
      [&](const auto& p) {
        using P = std::decay_t<decltype(p)>;
        if constexpr (std::is_same_v<P, Connect> || std::is_same_v<P, Auth>) {
          encode(p, out);
        } else if constexpr (std::is_same_v<P, Pingreq>) {
          encode_pingreq(out);
        } else if constexpr (std::is_same_v<P, Pingresp>) {
          encode_pingresp(out);
        } else {
          encode(p, version, out);
        }
      },
      packet);
  return out;
}

// Names and values in their order, whatever stood between them.
std::string users(const Packet& packet) {
  std::string all;
  const auto collect = [&](RawUserProperties raw) {
    for_each_user_property(
        raw, [&](std::string_view name, std::string_view value) { append_user_property(all, name, value); });
  };
  std::visit(
      [&](const auto& p) {
        if constexpr (requires { p.user; }) collect(p.user);
        if constexpr (requires { p.properties.user; }) collect(p.properties.user);
        if constexpr (requires { p.will; }) {
          if (p.will) collect(p.will->properties.user);
        }
      },
      packet);
  return all;
}

void check_publish(std::string_view bytes, Version version, const Decoded& decoded) {
  FixedHeader header;
  must(read_fixed_header(bytes, header) == HeaderStatus::complete);
  Publish publish;
  publish.properties.subscription_identifiers = {1, 2, 3};  // what a used value may hold
  publish.properties.topic_alias = 7;
  DecodeError error;
  const bool good = decode_publish(bytes, header, version, publish, error);
  must(good == decoded.packet.has_value());
  if (!good) {
    must(error.reason == decoded.error.reason);
    return;
  }
  must(encoded(publish, version) == encoded(*decoded.packet, version));
  must(encoded_size(publish, version) == encoded(publish, version).size());
}

}  // namespace

// The first byte: bit 0 the version, bit 1 whether the rest is type byte and body (the length is put between)
// or a whole packet.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Version version = (data[0] & 1) != 0 ? Version::v5 : Version::v311;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string framed;
  if ((data[0] & 2) != 0) {
    framed.push_back(rest[0]);
    put_variable(framed, rest.size() - 1);
    framed.append(rest.substr(1));
  }
  const std::string_view bytes = framed.empty() ? rest : std::string_view(framed);

  FixedHeader header;
  const HeaderStatus status = read_fixed_header(bytes, header);
  must(status != HeaderStatus::incomplete || bytes.size() < 5);
  protocol_level(bytes);
  const Decoded first = decode(bytes, version);
  must(first.packet || first.error.text[0] != '\0');
  if (status == HeaderStatus::complete && header.type() == PacketType::publish &&
      header.total() == bytes.size()) {
    check_publish(bytes, version, first);
  }
  if (!first.packet) return 0;
  must(status == HeaderStatus::complete);

  const std::string once = encoded(*first.packet, version);
  const Decoded second = decode(once, version);
  must(second.packet.has_value());
  must(second.packet->index() == first.packet->index());
  must(encoded(*second.packet, version) == once);
  must(users(*second.packet) == users(*first.packet));
  must(once.size() <= bytes.size());  // ours is the shortest form
  return 0;
}
