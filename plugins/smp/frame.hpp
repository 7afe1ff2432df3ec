// An SMP message: the 8-byte header and its CBOR body, as MCUmgr's management protocol has them (versions 1
// and 2). Pure: no transport, no time. Used by the adapter and by the simulated device.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "plugins/smp/cbor.hpp"

namespace sluice::smp {

constexpr std::size_t kHeaderSize = 8;
constexpr std::size_t kMaxMessage = 4096;  // no transport here carries more

enum class Op : std::uint8_t { read, read_reply, write, write_reply };
enum class Version : std::uint8_t { v1, v2 };

enum Group : std::uint16_t { kOsGroup = 0, kImageGroup = 1 };
enum OsCommand : std::uint8_t { kEcho = 0, kReset = 5, kParams = 6, kOsInfo = 7, kBootloaderInfo = 8 };
enum ImageCommand : std::uint8_t { kImageState = 0, kUpload = 1, kErase = 5 };

struct Header {
  Op op = Op::read;
  Version version = Version::v2;
  std::uint16_t group = 0;
  std::uint8_t sequence = 0;
  std::uint8_t command = 0;
  bool operator==(const Header&) const = default;

  // Whether this is the answer to that request: same command, same sequence number.
  bool answers(const Header& request) const {
    return static_cast<int>(op) == static_cast<int>(request.op) + 1 && group == request.group &&
           command == request.command && sequence == request.sequence;
  }
};

struct Message {
  Header header;
  cbor::Value body;
};

std::string encode(const Header& header, const cbor::Value& body);

// One whole message; the body must be one map.
result<Message> decode(std::string_view bytes);

// What a device answers instead of a success. Group 0 with a code below 256 is an error of SMP itself.
struct DeviceError {
  bool of_group = false;  // "err": the code belongs to the group; else "rc": to SMP
  std::uint16_t group = 0;
  std::uint64_t code = 0;
};
// The error in a reply, in the form of version 1 or 2; nullopt for success (`rc: 0` is success).
std::optional<DeviceError> error_in(const cbor::Value& body);

}  // namespace sluice::smp
