#include "plugins/smp/console_framing.hpp"

#include <gtest/gtest.h>

#include "plugins/sdk/base64.hpp"
#include "plugins/smp/frame.hpp"
#include "tests/unit/smp/golden.hpp"

namespace sluice::smp {
namespace {

std::string long_message(std::size_t data) {
  return encode(Header{Op::write, Version::v2, kImageGroup, 9, kUpload},
                upload_more(512, std::string(data, 'x')).body);
}

std::string joined(std::string_view message) {
  std::string all;
  for (const auto& line : console_lines(message)) all += line;
  return all;
}

std::vector<std::string> read(ConsoleReader& reader, std::string_view text) {
  std::vector<std::string> messages;
  reader.feed(text, messages);
  return messages;
}

TEST(SmpConsole, HasTheCrcOfXmodem) { EXPECT_EQ(crc16_xmodem("123456789"), 0x31C3); }

TEST(SmpConsole, WritesTheGoldenVectorsByteForByte) {
  for (const auto& g : golden()) {
    EXPECT_EQ(crc16_xmodem(g.message), g.crc) << name_of(g.command);
    EXPECT_EQ(console_lines(g.message), std::vector<std::string>{"\x06\x09" + g.base64 + "\n"})
        << name_of(g.command);
  }
}

TEST(SmpConsole, ReadsTheGoldenVectors) {
  for (const auto& g : golden()) {
    ConsoleReader reader;
    EXPECT_EQ(read(reader, "\x06\x09" + g.base64 + "\n"), std::vector<std::string>{g.message});
  }
}

TEST(SmpConsole, CutsLongMessagesInLinesThatDecodeAlone) {
  const auto message = long_message(700);
  const auto lines = console_lines(message);
  ASSERT_GT(lines.size(), 7U);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_LE(lines[i].size(), kMaxLine);
    EXPECT_EQ(lines[i].substr(0, 2), i == 0 ? "\x06\x09" : "\x04\x14");
    std::string part;
    EXPECT_TRUE(adapter::base64_append(std::string_view(lines[i]).substr(2, lines[i].size() - 3), part));
  }
  ConsoleReader reader;
  EXPECT_EQ(read(reader, joined(message)), std::vector<std::string>{message});
}

TEST(SmpConsole, ReadsByteByByte) {
  const auto message = long_message(300);
  ConsoleReader reader;
  std::vector<std::string> messages;
  for (const char c : joined(message)) reader.feed(std::string_view(&c, 1), messages);
  EXPECT_EQ(messages, std::vector<std::string>{message});
}

TEST(SmpConsole, PassesLogLinesBetweenTheLinesOfAFrame) {
  const auto message = long_message(300);
  std::string text = "*** Booting Zephyr ***\r\n";
  for (const auto& line : console_lines(message)) text += "[00:00:01.000] <inf> main: hello\r\n" + line;
  ConsoleReader reader;
  EXPECT_EQ(read(reader, text), std::vector<std::string>{message});
  EXPECT_GE(reader.counters().noise_lines, 5U);
}

TEST(SmpConsole, ReadsAFrameBehindAPrompt) {
  const auto g = golden()[0];
  ConsoleReader reader;
  EXPECT_EQ(read(reader, "uart:~$ \x06\x09" + g.base64 + "\r\n").size(), 1U);
}

TEST(SmpConsole, IsInStepAgainWithTheNextFrameWhateverCameBefore) {
  const auto message = long_message(300);
  const auto lines = console_lines(message);
  const std::string good = joined(message);
  std::vector<std::string> before = {
      lines[0],                        // the rest is lost
      lines[1] + lines[2],             // the beginning is lost
      lines[0] + lines[2] + lines[3],  // the middle is lost
      lines[0].substr(0, 40),          // half a line, joined with the next
      std::string(5000, 'n'),          // noise without an end
      "\x06\x09!!!!\n",                // no base64
      "\x06\x09\n",                    // an empty frame
      "\x06\x09" + adapter::base64(std::string("\xFF\xFF", 2) + std::string(40, 'x')) +
          "\n",  // longer than any
      "\x06\x09" + adapter::base64(std::string("\0\x01", 2) + std::string(40, 'x')) +
          "\n",  // shorter than any
  };
  auto flipped = good;
  flipped[60] = flipped[60] == 'A' ? 'B' : 'A';
  before.push_back(flipped);
  for (const auto& bad : before) {
    ConsoleReader reader;
    EXPECT_TRUE(read(reader, bad).empty());
    EXPECT_EQ(read(reader, good), std::vector<std::string>{message}) << bad.substr(0, 60);
  }
}

TEST(SmpConsole, NeverGivesAMessageWithATurnedBit) {
  const auto message = long_message(200);
  const std::string good = joined(message);
  for (std::size_t byte = 0; byte < good.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      auto bad = good;
      bad[byte] = static_cast<char>(bad[byte] ^ (1 << bit));
      ConsoleReader reader;
      for (const auto& got : read(reader, bad + "\n")) EXPECT_EQ(got, message) << byte << ":" << bit;
    }
  }
}

TEST(SmpBase64, IsStrict) {
  std::string out;
  EXPECT_TRUE(adapter::base64_append("QUI=", out));
  EXPECT_EQ(out, "AB");
  for (const auto* bad : {"QUI", "Q===", "QUJ=", "QU=D", "QUI=QUI=", "QU\nI", "===="})
    EXPECT_FALSE(adapter::base64_append(bad, out)) << bad;
  EXPECT_EQ(out, "AB");
}

}  // namespace
}  // namespace sluice::smp
