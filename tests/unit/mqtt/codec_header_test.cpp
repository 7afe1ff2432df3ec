#include <gtest/gtest.h>

#include "mqtt/codec.hpp"
#include "wire_text.hpp"

namespace sluice::mqtt {
namespace {

HeaderStatus status(std::string_view text, FixedHeader* out = nullptr) {
  FixedHeader header;
  const HeaderStatus result = read_fixed_header(wire(text), header);
  if (out != nullptr) *out = header;
  return result;
}

TEST(FixedHeader, WaitsForWhatIsMissing) {
  for (const char* text : {"", "10", "30 80", "30 ff ff", "30 ff ff ff", "c0", "62 80 80"}) {
    EXPECT_EQ(status(text), HeaderStatus::incomplete) << text;
  }
}

TEST(FixedHeader, ReadsEveryLengthOfTheRemainingLength) {  // MQTT 5 table 2-4
  struct Row {
    const char* text;
    std::uint32_t remaining;
    std::size_t size;
  };
  for (const Row& row : {Row{"30 00", 0, 2},
                         {"30 7f", 127, 2},
                         {"30 80 01", 128, 3},
                         {"30 ff 7f", 16383, 3},
                         {"30 80 80 01", 16384, 4},
                         {"30 ff ff 7f", 2097151, 4},
                         {"30 80 80 80 01", 2097152, 5},
                         {"30 ff ff ff 7f", 268435455, 5},
                         {"30 05 00 01 'a'", 5, 2}}) {
    FixedHeader header;
    ASSERT_EQ(status(row.text, &header), HeaderStatus::complete) << row.text;
    EXPECT_EQ(header.remaining, row.remaining);
    EXPECT_EQ(header.size, row.size);
    EXPECT_EQ(header.total(), row.size + row.remaining);
    EXPECT_EQ(header.type(), PacketType::publish);
  }
}

TEST(FixedHeader, RefusesLongAndPaddedRemainingLengths) {
  for (const char* text : {"30 80 80 80 80", "30 ff ff ff ff 00", "30 80 00", "30 80 80 00", "30 80 80 80 00",
                           "30 85 00 0001 'a' 00 00"}) {
    EXPECT_EQ(status(text), HeaderStatus::malformed) << text;
  }
}

// 2.1.2, 2.1.3: of all 256 first bytes exactly these are allowed.
TEST(FixedHeader, KnowsTheFlagsOfEveryType) {
  for (unsigned first = 0; first < 256; ++first) {
    const unsigned type = first >> 4;
    const unsigned flags = first & 15;
    bool allowed = type != 0 && flags == 0;
    if (type == 6 || type == 8 || type == 10) allowed = flags == 2;
    if (type == 3) allowed = (flags & 6) != 6 && !((flags & 8) != 0 && (flags & 6) == 0);
    const char bytes[] = {static_cast<char>(first), 0};
    FixedHeader header;
    const HeaderStatus expected = allowed ? HeaderStatus::complete : HeaderStatus::malformed;
    EXPECT_EQ(read_fixed_header({bytes, 2}, header), expected) << first;
    // The first byte is enough to refuse: a stranger's bytes are not collected.
    EXPECT_EQ(read_fixed_header({bytes, 1}, header),
              allowed ? HeaderStatus::incomplete : HeaderStatus::malformed);
  }
}

TEST(FixedHeader, RefusesOtherProtocolsAtOnce) {
  for (const char* text : {"'GET / HTTP/1.1'", "16 03 01 02 00 01", "'SSH-2.0-OpenSSH'", "00 00 00 00"}) {
    FixedHeader header;
    const HeaderStatus result = read_fixed_header(wire(text), header);
    const bool is_connect = result == HeaderStatus::complete && header.type() == PacketType::connect;
    EXPECT_FALSE(is_connect) << text;
  }
}

}  // namespace
}  // namespace sluice::mqtt
