// The small parts: chunks, checksums, marks, the tail in memory, the books.
#include <gtest/gtest.h>

#include "store/accounts.hpp"
#include "store/crc32c.hpp"
#include "store/marks.hpp"
#include "store/tail.hpp"
#include "store/varint.hpp"

namespace sluice::store {
namespace {

TEST(Varint, ComesBack) {
  char buffer[16];
  for (const std::uint64_t v :
       {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, std::uint64_t{300}, UINT64_MAX}) {
    const char* end = put_varint(buffer, v);
    std::uint64_t back = 1;
    EXPECT_EQ(get_varint(buffer, end, back), end);
    EXPECT_EQ(back, v);
    EXPECT_EQ(get_varint(buffer, end - 1, back), nullptr) << "one byte short";
  }
  for (const std::int64_t v : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, INT64_MIN, INT64_MAX}) {
    EXPECT_EQ(unzigzag(zigzag(v)), v);
  }
}

TEST(Crc32c, MatchesTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
  EXPECT_EQ(crc32c("6789", crc32c("12345")), 0xE3069283U) << "in pieces";
}

TEST(ChunkId, OrdersByLaneThenPriorityThenAge) {
  const auto id = [](LaneId lane, Priority p, Sequence s) { return chunk_id(queue_key(lane, p), s); };
  EXPECT_LT(id(1, 0, kMaxSequence), id(2, 9, 1));
  EXPECT_LT(id(1, 9, kMaxSequence), id(1, 8, 1));
  EXPECT_LT(id(1, 9, 1), id(1, 9, 2));
  EXPECT_GT(id(kMaxLane, 0, kMaxSequence), 0);
  EXPECT_EQ(lane_of(queue_of(id(77, 3, 5))), 77U);
  EXPECT_EQ(priority_of(queue_of(id(77, 3, 5))), 3);
  EXPECT_EQ(sequence_of(id(77, 3, 5)), 5U);
}

TEST(Chunk, StopsAtBytesThatMakeNoSense) {
  Chunk chunk;
  chunk.queue = queue_key(1, 2);
  chunk.sequence = 9;
  for (int i = 0; i < 3; ++i)
    add_record(chunk, {.device = 5, .topic = "topic", .payload = "payload", .properties = {}}, 7, 1000 + i);
  EXPECT_EQ(chunk.min_expiry, 7U);
  EXPECT_EQ(chunk.max_expiry, 7U);
  for (std::size_t cut = 0; cut < chunk.data.size(); ++cut) {
    Chunk part;
    part.count = 3;
    part.data.assign(chunk.data.view().substr(0, cut));
    RecordReader reader(part);
    Record record;
    int n = 0;
    while (reader.next(record)) ++n;
    EXPECT_LT(n, 3);
    EXPECT_FALSE(reader.whole());
  }
  RecordReader reader(chunk);
  Record record;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(reader.next(record));
    EXPECT_EQ(record.wall_ms, 1000 + i);
    EXPECT_EQ(record.key.id, record_id(9, static_cast<std::uint32_t>(i)));
  }
  EXPECT_FALSE(reader.next(record));
  EXPECT_TRUE(reader.whole());
}

TEST(Chunk, KnowsWhenAllOfItHasExpired) {
  Chunk chunk;
  add_record(chunk, {.topic = "t", .payload = {}, .properties = {}}, 50, 0);
  add_record(chunk, {.topic = "t", .payload = {}, .properties = {}}, 20, 0);
  EXPECT_EQ(chunk.min_expiry, 20U);
  EXPECT_EQ(chunk.max_expiry, 50U);
  add_record(chunk, {.topic = "t", .payload = {}, .properties = {}}, kNever, 0);
  add_record(chunk, {.topic = "t", .payload = {}, .properties = {}}, 90, 0);
  EXPECT_EQ(chunk.min_expiry, 20U);
  EXPECT_EQ(chunk.max_expiry, kNever);
}

TEST(Chunk, ItsChecksumCoversItsPlaceToo) {
  Chunk chunk;
  add_record(chunk, {.topic = "t", .payload = "p", .properties = {}}, 0, 0);
  const auto sum = chunk.checksum();
  chunk.sequence = 2;
  EXPECT_NE(chunk.checksum(), sum);
}

TEST(Marks, CountEachOnceAndComeBackFromTheirBytes) {
  Marks marks;
  EXPECT_TRUE(marks.mark(0));
  EXPECT_FALSE(marks.mark(0));
  EXPECT_TRUE(marks.mark(200));
  EXPECT_EQ(marks.count(), 2U);
  const Marks back(marks.bytes());
  EXPECT_TRUE(back.marked(200));
  EXPECT_FALSE(back.marked(199));
  EXPECT_FALSE(back.marked(5000));
  EXPECT_EQ(back.count(), 2U);
}

ChunkPtr chunk_of_size(QueueKey queue, Sequence sequence, std::size_t bytes) {
  auto chunk = std::make_shared<Chunk>();
  chunk->queue = queue;
  chunk->sequence = sequence;
  add_record(*chunk, {.topic = "t", .payload = std::string(bytes, 'x'), .properties = {}}, 0, 0);
  return chunk;
}

TEST(Tail, AnswersOnlyWhenItHasEverything) {
  Tail tail(10'000, 5);
  EXPECT_EQ(tail.above(1, 0), nullptr) << "there may be older ones on the disk";
  ASSERT_NE(tail.above(1, record_id(5, 0) - 1), nullptr);
  for (Sequence s = 5; s < 8; ++s) tail.add(chunk_of_size(1, s, 2000));
  EXPECT_EQ(tail.above(1, record_id(5, 0) - 1)->size(), 3U);
  for (Sequence s = 8; s < 20; ++s) tail.add(chunk_of_size(2, s, 2000));
  EXPECT_LE(tail.bytes(), 10'000U);
  EXPECT_EQ(tail.above(1, record_id(5, 0) - 1), nullptr) << "gone from memory, not from the disk";
  EXPECT_NE(tail.above(1, record_id(7, kMaxRecords - 1)), nullptr);
  EXPECT_EQ(tail.above(2, record_id(8, 0)), nullptr);
}

TEST(Tail, ForgetsWhatHasGoneAndKeepsItsBooksStraight) {
  Tail tail(1'000'000, 1);
  for (int round = 0; round < 50; ++round) {
    const Sequence first = 1 + static_cast<Sequence>(round) * 100;
    for (Sequence s = first; s < first + 100; ++s) tail.add(chunk_of_size(s % 3, s, 100));
    for (Sequence s = first; s < first + 100; ++s) tail.remove(chunk_id(static_cast<QueueKey>(s % 3), s));
  }
  EXPECT_EQ(tail.bytes(), 0U);
  EXPECT_TRUE(tail.above(0, record_id(1, 0) - 1)->empty());
}

TEST(Accounts, BalanceAfterEachDelta) {
  Accounts books;
  Delta in;
  in.accepted = 5;
  in.queue(queue_key(1, 2), 5, 500);
  books.apply(in);
  EXPECT_TRUE(books.balanced());
  Delta out;
  out.delivered = 2;
  out.queue(queue_key(1, 2), -5, -500);
  out.ledge(9, LedgerReason::expired, 3, 300, 1234);
  EXPECT_EQ(books.depth(queue_key(1, 2), &out).count, 0U);
  books.apply(out);
  EXPECT_TRUE(books.balanced());
  EXPECT_TRUE(books.queues.empty());
  EXPECT_EQ(books.ledger().at(0).first_ms, 1234);
  books.totals.accepted = 6;
  EXPECT_FALSE(books.balanced());
}

}  // namespace
}  // namespace sluice::store
