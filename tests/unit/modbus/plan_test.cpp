// What is read together.
#include "plugins/modbus/plan.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace sluice::modbus {
namespace {

class Plan : public testing::Test {
 protected:
  void add(Table table, unsigned address, unsigned size = 1) {
    Point point;
    point.table = table;
    point.address = static_cast<std::uint16_t>(address);
    point.size = size;
    map.push_back(point);
  }
  std::vector<Read> reads() {
    std::vector<std::size_t> all(map.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    return coalesce(map, all, limits);
  }
  // "holding 0+4: 0 1, ..."
  static std::string shown(const std::vector<Read>& reads) {
    std::string out;
    for (const auto& read : reads) {
      out +=
          (out.empty() ? "" : ", ") + std::to_string(read.address) + "+" + std::to_string(read.count) + ":";
      for (const auto point : read.points) out += " " + std::to_string(point);
    }
    return out;
  }
  std::vector<Point> map;
  MergeLimits limits{.gap = 4};
};

TEST_F(Plan, ReadsNeighboursTogetherWhateverTheirOrderInTheMap) {
  add(Table::holding, 2, 2);
  add(Table::holding, 0, 2);
  add(Table::holding, 4);
  EXPECT_EQ(shown(reads()), "0+5: 1 0 2");
}

TEST_F(Plan, ReadsAlongAGapUpToItsLimit) {
  add(Table::holding, 0);
  add(Table::holding, 5);
  add(Table::holding, 11);
  EXPECT_EQ(shown(reads()), "0+6: 0 1, 11+1: 2");
}

TEST_F(Plan, KeepsTablesApart) {
  add(Table::holding, 0);
  add(Table::input, 1);
  add(Table::coil, 0);
  add(Table::discrete, 1);
  EXPECT_EQ(reads().size(), 4U);
}

TEST_F(Plan, StaysWithin125RegistersAndDoesNotCutAValue) {
  for (unsigned i = 0; i < 124; ++i) add(Table::input, i);
  add(Table::input, 124, 2);
  add(Table::input, 126);
  const auto made = reads();
  ASSERT_EQ(made.size(), 2U);
  EXPECT_EQ(made[0].count, 124U);
  EXPECT_EQ(made[1].address, 124U);
  EXPECT_EQ(made[1].count, 3U);
}

TEST_F(Plan, StaysWithin2000Bits) {
  for (unsigned i = 0; i < 2001; ++i) add(Table::discrete, i);
  const auto made = reads();
  ASSERT_EQ(made.size(), 2U);
  EXPECT_EQ(made[0].count, 2000U);
}

TEST_F(Plan, ReadsARegisterOnceForAllItsBits) {
  for (unsigned i = 0; i < 16; ++i) add(Table::holding, 7);
  EXPECT_EQ(reads().size(), 1U);
  EXPECT_EQ(reads()[0].count, 1U);
  EXPECT_EQ(reads()[0].points.size(), 16U);
  EXPECT_TRUE(split(map, reads()[0]).empty());
}

TEST_F(Plan, FiveHundredRegistersAreFourReads) {
  for (unsigned i = 0; i < 500; ++i) add(Table::holding, i);
  EXPECT_EQ(reads().size(), 4U);
  limits.most_registers = 1;
  EXPECT_EQ(reads().size(), 500U);
}

TEST_F(Plan, SplitsAtFirstWhereTheGapsAre) {
  add(Table::holding, 0);
  add(Table::holding, 1);
  add(Table::holding, 4, 2);
  EXPECT_EQ(shown(split(map, reads()[0])), "0+2: 0 1, 4+2: 2");
}

TEST_F(Plan, SplitsInHalvesBetweenValues) {
  add(Table::holding, 0, 4);
  add(Table::holding, 4);
  add(Table::holding, 4);
  add(Table::holding, 5, 2);
  EXPECT_EQ(shown(split(map, reads()[0])), "0+4: 0, 4+3: 1 2 3");
  EXPECT_EQ(shown(split(map, {Table::holding, 4, 3, {1, 2, 3}})), "4+1: 1 2, 5+2: 3");
}

}  // namespace
}  // namespace sluice::modbus
