// Bytes in, frames out: every framing finds its frames again within one frame after noise (F21).
#include <gtest/gtest.h>

#include <random>

#include "plugins/serial/framing.hpp"
#include "plugins/serial/line_marks.hpp"

namespace sluice::serial {
namespace {

using Kind = FramingOptions::Kind;

FramingOptions options(Kind kind, Crc crc = Crc::none) {
  FramingOptions made;
  made.kind = kind;
  made.crc = crc;
  if (kind == Kind::length) {
    made.most = 255;
    made.sync = "\xaa\x55";
  }
  if (kind == Kind::fixed) {
    made.size = 8;
    made.sync = "\x7e";
  }
  return made;
}

std::unique_ptr<Framing> make(const FramingOptions& made) {
  auto framing = make_framing(made);
  EXPECT_TRUE(framing) << (framing ? "" : framing.error().text);
  return std::move(*framing);
}

std::vector<std::string> frames(Framing& framing, std::string_view bytes, std::size_t piece = 1 << 20) {
  std::vector<std::string> out;
  while (!bytes.empty()) {
    framing.feed(bytes.substr(0, piece), [&](std::string_view frame) { out.emplace_back(frame); });
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  return out;
}

std::vector<std::string> after_silence(Framing& framing) {
  std::vector<std::string> out;
  framing.silence([&](std::string_view frame) { out.emplace_back(frame); });
  return out;
}

// Every framing with every checksum.
std::vector<FramingOptions> all() {
  std::vector<FramingOptions> out;
  for (const auto kind : {Kind::line, Kind::length, Kind::slip, Kind::cobs, Kind::fixed}) {
    for (const auto crc : {Crc::none, Crc::ccitt, Crc::modbus, Crc::crc32}) out.push_back(options(kind, crc));
  }
  return out;
}

std::string name(const FramingOptions& o) {
  return "framing " + std::to_string(static_cast<int>(o.kind)) + " crc " +
         std::to_string(static_cast<int>(o.crc));
}

std::string payload(const FramingOptions& o, unsigned n) {
  auto text = "r" + std::to_string(n);
  text.resize(o.kind == Kind::fixed ? 8 : 8 + n % 20, 'x');
  return text;
}

TEST(Crcs, AreThoseOfTheCatalogue) {
  // "123456789", the check value of every catalogue.
  EXPECT_EQ(value_of(Crc::ccitt, "123456789"), 0x29b1U);
  EXPECT_EQ(value_of(Crc::modbus, "123456789"), 0x4b37U);
  EXPECT_EQ(value_of(Crc::crc32, "123456789"), 0xcbf43926U);
}

TEST(Framing, ReadsWhatItWrites) {
  for (const auto& o : all()) {
    const auto framing = make(o);
    std::string bytes;
    std::vector<std::string> said;
    for (unsigned n = 0; n < 50; ++n) {
      said.push_back(payload(o, n));
      bytes += *framing->encode(said.back());
    }
    for (const std::size_t piece : {1UL, 7UL, 1000UL}) {
      const auto fresh = make(o);
      EXPECT_EQ(frames(*fresh, bytes, piece), said) << name(o);
      EXPECT_EQ(fresh->counts().bad, 0U) << name(o);
    }
  }
}

TEST(Framing, CarriesEveryByteWhereItIsMadeForThat) {
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
  every.pop_back();  // 255 of them: the most of a length of one byte
  for (const auto kind : {Kind::length, Kind::slip, Kind::cobs}) {
    for (const auto& text :
         {every, std::string(254, 'a'), std::string(3, '\0'), std::string("\xc0\xdb\xdc\xdd\0", 5)}) {
      const auto framing = make(options(kind, Crc::ccitt));
      EXPECT_EQ(frames(*framing, *framing->encode(text)), std::vector<std::string>{text})
          << static_cast<int>(kind);
    }
  }
}

TEST(Framing, ReadsTheExamplesOfCobs) {  // of the paper and of RFC drafts
  const auto framing = make(options(Kind::cobs));
  EXPECT_EQ(frames(*framing, std::string("\x03\x11\x22\x02\x33\0", 6)),
            (std::vector<std::string>{std::string("\x11\x22\0\x33", 4)}));
  EXPECT_EQ(frames(*framing, std::string("\x01\x01\0", 3)), (std::vector<std::string>{std::string("\0", 1)}));
  EXPECT_EQ(*framing->encode(std::string("\0\0", 2)), std::string("\0\1\1\1\0", 5));
  std::string ones;
  for (int byte = 1; byte <= 254; ++byte) ones += static_cast<char>(byte);
  EXPECT_EQ(*framing->encode(ones), std::string(1, '\0') + '\xff' + ones + std::string(1, '\0'));
}

TEST(Framing, TakesACarriageReturnOffALine) {
  const auto framing = make(options(Kind::line));
  EXPECT_EQ(frames(*framing, "a\r\nb\n\n\r\nc\n"), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Framing, KnowsTheChecksumOfALine) {
  const auto framing = make(options(Kind::line, Crc::ccitt));
  EXPECT_EQ(*framing->encode("123456789"), "123456789*29B1\n");
  EXPECT_EQ(frames(*framing, "123456789*29b1\n123456789*29B2\n123456789\n*\n"),
            std::vector<std::string>{"123456789"});
  EXPECT_EQ(framing->counts().bad, 3U);
}

TEST(Framing, MayEndItsLinesWithSeveralBytes) {
  auto o = options(Kind::line);
  o.end = "\x03\x04";
  const auto framing = make(o);
  EXPECT_EQ(frames(*framing,
                   "a\x03"
                   "b\x03\x03\x04"
                   "c\x03\x04",
                   1),
            (std::vector<std::string>{"a\x03"
                                      "b\x03",
                                      "c"}));
}

TEST(Framing, FindsAnEndBehindItsOwnBeginning) {
  const auto lines = [](const std::string& end, std::string_view bytes) {
    auto o = options(Kind::line);
    o.end = end;
    return frames(*make(o), bytes, 1);
  };
  using Lines = std::vector<std::string>;
  EXPECT_EQ(lines("\r\r\n", "a\r\r\r\nb\r\r\n"), (Lines{"a", "b"}));  // a CR before the end is taken off
  EXPECT_EQ(lines("\r\n", "a\r\r\nb\r\n"), (Lines{"a", "b"}));
  EXPECT_EQ(lines("abac", "xababacyabac"), (Lines{"xab", "y"}));
  EXPECT_EQ(lines("aab", "aaaabxaab"), (Lines{"aa", "x"}));
}

TEST(Framing, IsBoundedByALineOfHalfEnds) {
  auto o = options(Kind::line);
  for (const auto* end : {"\r\n", "\r\r\n", "ab"}) {
    o.end = end;
    const auto framing = make(o);
    const std::string much(1'000'000, o.end[0]);
    EXPECT_TRUE(frames(*framing, much, 4096).empty());
    EXPECT_GE(framing->counts().skipped, much.size() - o.most - 32);
    EXPECT_TRUE(frames(*framing, o.end).empty()) << "too long for a frame";
    EXPECT_EQ(framing->counts().skipped, much.size());
    EXPECT_EQ(framing->counts().bad, 1U);
    EXPECT_EQ(frames(*framing, "good" + o.end), std::vector<std::string>{"good"});
  }
}

TEST(Framing, F21FindsTheNextFrameAfterNoise) {
  for (const auto& o : all()) {
    const auto framing = make(o);
    const auto good = *framing->encode(payload(o, 1));
    // Noise that ends in the middle of nowhere, and half a frame.
    for (const auto& noise : {std::string("\xaa\x55\xff\x01garbage\x7e\xc0\xdb"),
                              good.substr(0, good.size() / 2), std::string(300, '\x55')}) {
      const auto fresh = make(o);
      auto found = frames(*fresh, noise + good + good + good + good);
      for (auto& late : after_silence(*fresh)) found.push_back(std::move(late));
      EXPECT_GE(found.size(), o.crc == Crc::none ? 2U : 3U)
          << name(o) << " after " << noise.size() << " bytes";
      if (o.crc != Crc::none) {
        for (const auto& frame : found) EXPECT_EQ(frame, payload(o, 1)) << name(o);
      }
    }
  }
}

// The heart of F21: a byte in five is corrupted. With a checksum nothing false comes out, and every frame
// whose own bytes (and, where a mark separates frames, whose mark) are sound comes out.
TEST(Framing, F21LosesOnlyTheFramesThatNoiseHits) {
  std::mt19937 random(7);
  for (const auto& o : all()) {
    if (o.crc == Crc::none) continue;
    const auto framing = make(o);
    std::vector<std::string> sound;
    std::string bytes;
    bool last_was_hit = false;
    for (unsigned n = 0; n < 2000; ++n) {
      auto frame = *framing->encode(payload(o, n));
      // A frame of fifteen bytes at one byte in five would hardly ever be sound: hit a third of the frames,
      // hard.
      const bool hit = random() % 3 == 0;
      if (hit) {
        for (auto& byte : frame) {
          if (random() % 5 == 0) byte = static_cast<char>(random());
        }
      }
      if (!hit && !last_was_hit) sound.push_back(payload(o, n));
      last_was_hit = hit;
      bytes += frame;
    }
    const auto fresh = make(o);
    auto found = frames(*fresh, bytes, 13);
    for (auto& late : after_silence(*fresh)) found.push_back(std::move(late));
    std::size_t at = 0;
    for (const auto& frame : found) {
      if (at < sound.size() && frame == sound[at]) ++at;
      EXPECT_TRUE(frame.starts_with('r')) << name(o);
    }
    EXPECT_EQ(at, sound.size()) << name(o) << ": a sound frame was lost";
  }
}

TEST(Framing, F21AFalseLengthDoesNotTakeTheFramesBehindItAlong) {
  const auto framing = make(options(Kind::length, Crc::ccitt));
  const auto good = *framing->encode("reading");
  auto broken = good;
  broken[2] = '\xfe';  // its length: 254
  std::vector<std::string> found = frames(*framing, broken + good + good);
  EXPECT_TRUE(found.empty());  // it may still come true
  found = after_silence(*framing);
  EXPECT_EQ(found, (std::vector<std::string>{"reading", "reading"}));
  // And without a silence, when enough has come to see that it is none.
  std::string many;
  for (int i = 0; i < 40; ++i) many += good;
  EXPECT_EQ(frames(*make(options(Kind::length, Crc::ccitt)), broken + many).size(), 40U);
}

TEST(Framing, GivesUpAHalfFrameAfterASilence) {
  for (const auto& o : all()) {
    const auto framing = make(o);
    const auto good = *framing->encode(payload(o, 3));
    EXPECT_TRUE(frames(*framing, good.substr(0, good.size() - 2)).empty()) << name(o);
    EXPECT_TRUE(after_silence(*framing).empty()) << name(o);
    EXPECT_EQ(frames(*framing, good), std::vector<std::string>{payload(o, 3)}) << name(o);
  }
}

TEST(Framing, DistrustsAFrameThatNoiseWasIn) {
  for (const auto& o : all()) {
    const auto framing = make(o);
    const auto good = *framing->encode(payload(o, 3));
    auto found = frames(*framing, good.substr(0, good.size() / 2));
    framing->noise();
    for (auto& frame : frames(*framing, good.substr(good.size() / 2) + good + good))
      found.push_back(std::move(frame));
    EXPECT_EQ(found, (std::vector<std::string>{payload(o, 3), payload(o, 3)})) << name(o);
  }
}

TEST(Framing, IsBoundedWhateverComes) {
  for (auto o : all()) {
    const auto framing = make(o);
    std::size_t found = 0;
    const std::string noise(100'000, 'x');
    for (int i = 0; i < 10; ++i)
      framing->feed(noise, [&](std::string_view frame) { found += frame.size() > o.most ? 1 : 0; });
    EXPECT_EQ(found, 0U) << name(o);
    EXPECT_FALSE(framing->encode(std::string(70'000, 'x'))) << name(o);
  }
}

TEST(Framing, RefusesOptionsThatDoNotFit) {
  auto o = options(Kind::length);
  o.most = 300;
  EXPECT_FALSE(make_framing(o));
  o.length_bytes = 3;
  EXPECT_FALSE(make_framing(o));
  o = options(Kind::fixed);
  o.size = 0;
  EXPECT_FALSE(make_framing(o));
  o = options(Kind::line);
  o.end = "";
  EXPECT_FALSE(make_framing(o));
}

TEST(LineMarks, TellBrokenBytesFromSoundOnes) {
  LineMarks marks;
  std::string said;
  const auto feed = [&](std::string_view bytes) {
    marks.feed(bytes, [&](std::string_view sound) { said += sound; }, [&] { said += "|"; });
  };
  feed(
      std::string("ab\xff\0x"
                  "c\xff\xff"
                  "d",
                  9));
  feed("\xff");
  feed(std::string("\0", 1));
  feed(std::string("\0e", 2));  // a break
  EXPECT_EQ(said,
            "ab|c\xff"
            "d|e");
  EXPECT_EQ(marks.errors, 2U);
  feed("\xff");
  marks.reset();
  feed(std::string("\0f", 2));
  EXPECT_TRUE(said.ends_with(std::string("|e\0f", 4))) << "half a mark of an earlier line";
}

}  // namespace
}  // namespace sluice::serial
