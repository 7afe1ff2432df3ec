// What of a device's MQTT 5 properties travels with a stored reading: the bytes of store::Append::properties.
// Written by ingest, read by uplink; the store does not look inside. On disk, so the layout is kept:
//   nothing            no properties (the usual case costs no byte)
//   0x01               format
//   u16 big-endian     length of the content type, then the content type
//   the rest           user properties as on the MQTT wire (0x26 key value …)
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

struct RecordProperties {
  std::string_view content_type;     // at most 65,535 bytes, as MQTT allows
  std::string_view user_properties;  // wire form
};

// Replaces `out`, keeping its capacity. A content type beyond MQTT's length is left out.
void encode_record_properties(const RecordProperties& properties, std::string& out);

// Views into `block`; nothing if the block is not of this layout (written by a newer version, or damaged).
std::optional<RecordProperties> decode_record_properties(std::string_view block);

}  // namespace sluice
