// Packets as text, for the tests of the codec and its users: hex bytes, 'raw text', <string with its two
// bytes of length>, and {a block with its variable length}, e.g. "10 {<MQTT> 05 02 003c {} <id>}".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "mqtt/codec.hpp"

namespace sluice::mqtt {

// Throws std::invalid_argument for text that is none of the above.
std::string wire(std::string_view text);

// Bytes as hex, for messages of failed expectations.
std::string hex(std::string_view bytes);

// Encodes whatever it is.
std::string encoded(const Packet& packet, Version version);

}  // namespace sluice::mqtt
