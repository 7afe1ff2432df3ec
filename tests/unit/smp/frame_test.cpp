#include "plugins/smp/frame.hpp"

#include <gtest/gtest.h>

#include "tests/unit/smp/golden.hpp"

namespace sluice::smp {
namespace {

TEST(SmpFrame, EncodesTheGoldenVectorsByteForByte) {
  for (const auto& g : golden()) {
    const Header header{g.command.op, Version::v2, g.command.group, g.sequence, g.command.command};
    EXPECT_EQ(encode(header, g.command.body), g.message) << name_of(g.command);
  }
}

TEST(SmpFrame, DecodesTheGoldenVectors) {
  for (const auto& g : golden()) {
    const auto message = decode(g.message);
    ASSERT_TRUE(message) << message.error().text;
    EXPECT_EQ(message->header,
              (Header{g.command.op, Version::v2, g.command.group, g.sequence, g.command.command}));
    EXPECT_EQ(cbor::encode(message->body), cbor::encode(g.command.body));
  }
}

TEST(SmpFrame, RefusesALengthThatIsNotTrue) {
  EXPECT_FALSE(decode(bytes("08 00 00 02 00 01 00 00 A0")));
  EXPECT_FALSE(decode(bytes("08 00 00 00 00 01 00 00 A0")));
  EXPECT_FALSE(decode(bytes("08 00 00")));
}

TEST(SmpFrame, RefusesUnknownOperationsAndVersions) {
  EXPECT_FALSE(decode(bytes("0C 00 00 01 00 01 00 00 A0")));
  EXPECT_FALSE(decode(bytes("10 00 00 01 00 01 00 00 A0")));
}

TEST(SmpFrame, RefusesABodyThatIsNoMap) { EXPECT_FALSE(decode(bytes("09 00 00 01 00 01 00 00 80"))); }

TEST(SmpFrame, TakesAnAnswerWithoutABody) { EXPECT_TRUE(decode(bytes("0B 00 00 00 00 01 00 05"))); }

TEST(SmpFrame, KnowsTheAnswerToARequestByCommandAndSequence) {
  const Header request{Op::write, Version::v2, kImageGroup, 7, kUpload};
  EXPECT_TRUE((Header{Op::write_reply, Version::v1, kImageGroup, 7, kUpload}).answers(request));
  EXPECT_FALSE((Header{Op::write_reply, Version::v2, kImageGroup, 6, kUpload}).answers(request));
  EXPECT_FALSE((Header{Op::read_reply, Version::v2, kImageGroup, 7, kUpload}).answers(request));
  EXPECT_FALSE((Header{Op::write_reply, Version::v2, kOsGroup, 7, kUpload}).answers(request));
}

TEST(SmpFrame, FindsErrorsOfBothVersions) {
  using cbor::Field;
  using cbor::Map;
  EXPECT_FALSE(error_in(Map{}));
  EXPECT_FALSE(error_in(Map{Field{"rc", 0}}));
  EXPECT_EQ(error_in(Map{Field{"rc", 8}})->code, 8U);
  EXPECT_EQ(error_in(Map{Field{"rc", "x"}})->code, 1U);
  const auto group = error_in(Map{Field{"err", Map{Field{"group", 1}, Field{"rc", 27}}}});
  ASSERT_TRUE(group);
  EXPECT_TRUE(group->of_group);
  EXPECT_EQ(group->group, 1);
  EXPECT_EQ(error_of(*group, upload_more(0, "")).text,
            "the device refused image upload: the running image is newer or the same (image error 27)");
}

}  // namespace
}  // namespace sluice::smp
