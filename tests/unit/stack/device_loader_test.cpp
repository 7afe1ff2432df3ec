#include "cloud/stack/device_loader.hpp"

#include <gtest/gtest.h>

#include "cloud/lambda/device_table_dynamodb.hpp"
#include "cloud/lambda/token_check.hpp"

namespace sluice::stack {
namespace {

using aws::AttributeValue;
using aws::Item;
using Kind = aws::Error::Kind;

aws::Error conflict() {
  return {.kind = Kind::conflict,
          .status = 400,
          .code = "ConditionalCheckFailedException",
          .text = {},
          .retry_after = {}};
}

// One item; what happens at each change is the test's.
class OneItem final : public aws::Dynamodb {
 public:
  std::optional<Item> item;
  std::function<aws::result<void>()> on_get = [] { return aws::result<void>(); };
  std::function<aws::result<void>(OneItem&)> on_put = [](OneItem&) { return conflict(); };
  std::function<aws::result<void>(OneItem&, const aws::ItemChange&)> on_update;
  std::vector<aws::ItemChange> updates;

  aws::result<std::optional<Item>> get_item(std::string_view, const Item&, bool consistent) override {
    EXPECT_TRUE(consistent);
    if (auto done = on_get(); !done) return done.error();
    return item;
  }
  aws::result<void> put_item(std::string_view, const Item& wanted,
                             const aws::Expression& condition) override {
    EXPECT_EQ(condition.text, "attribute_not_exists(productid)");
    if (!item) {
      item = wanted;
      return {};
    }
    return on_put(*this);
  }
  aws::result<Item> update_item(const aws::ItemChange& change) override {
    updates.push_back(change);
    if (auto done = on_update(*this, change); !done) return done.error();
    return *item;
  }
  aws::result<void> delete_item(std::string_view, const Item&) override { return conflict(); }
  aws::result<aws::Page> read_page(const aws::PageRequest&) override { return conflict(); }
};

const DeviceRow kRow{
    .line = 2, .productid = "d-1", .access_token = "the-token", .product = "m", .region = {}};

Item new_device(std::string_view hash) {
  return {{"productid", AttributeValue::of("d-1")},
          {"accessToken", AttributeValue::of(hash)},
          {"product", AttributeValue::of("m")},
          {"applyState", AttributeValue::of(lambda::kNew)}};
}

TEST(DeviceLoader, KeepsADeviceThatRegistersWhileItIsImported) {
  OneItem dynamodb;
  dynamodb.item = new_device(lambda::hash_access_token("the old token"));
  dynamodb.on_update = [](OneItem& store, const aws::ItemChange&) -> aws::result<void> {
    (*store.item)["applyState"] = AttributeValue::of(lambda::kRegistered);
    (*store.item)["certID"] = AttributeValue::of("ab");
    return conflict();
  };
  const auto table = lambda::make_dynamodb_device_table(dynamodb, "devices");
  DeviceLoader loader(dynamodb, *table, "devices");
  const auto loaded = loader.load(kRow, "hash", false);
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ(*loaded, Loaded::kept);
  ASSERT_EQ(dynamodb.updates.size(), 1U);
  EXPECT_NE(dynamodb.updates[0].condition.find("#state = :new"), std::string::npos);
}

TEST(DeviceLoader, KnowsItsOwnWriteWhoseAnswerWasLost) {
  OneItem dynamodb;
  dynamodb.item = new_device("hash");
  const auto table = lambda::make_dynamodb_device_table(dynamodb, "devices");
  DeviceLoader loader(dynamodb, *table, "devices");
  const auto loaded = loader.load(kRow, "hash", false);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(*loaded, Loaded::added);
  EXPECT_TRUE(dynamodb.updates.empty());
}

TEST(DeviceLoader, GivesUpOnADeviceThatNeverStandsStill) {
  OneItem dynamodb;
  dynamodb.item = new_device(lambda::hash_access_token("the old token"));
  dynamodb.on_update = [](OneItem&, const aws::ItemChange&) -> aws::result<void> { return conflict(); };
  const auto table = lambda::make_dynamodb_device_table(dynamodb, "devices");
  DeviceLoader loader(dynamodb, *table, "devices");
  const auto loaded = loader.load(kRow, "hash", false);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind, Kind::unavailable);
  EXPECT_EQ(loaded.error().text.find("the-token"), std::string::npos);
}

TEST(DeviceLoader, PassesOnThatTheTableDoesNotAnswer) {
  OneItem dynamodb;
  dynamodb.item = new_device("other");
  dynamodb.on_put = [](OneItem&) -> aws::result<void> {
    return aws::Error{.kind = Kind::denied,
                      .status = 400,
                      .code = "AccessDeniedException",
                      .text = "no",
                      .retry_after = {}};
  };
  const auto table = lambda::make_dynamodb_device_table(dynamodb, "devices");
  DeviceLoader loader(dynamodb, *table, "devices");
  const auto loaded = loader.load(kRow, "hash", true);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind, Kind::denied);
}

TEST(DeviceLoader, ChangesNothingWhileATokenCannotBeJudged) {
  OneItem dynamodb;
  dynamodb.item = new_device(lambda::hash_access_token("the-token"));
  (*dynamodb.item)["applyState"] = AttributeValue::of(lambda::kRegistered);
  (*dynamodb.item)["product"] = AttributeValue::of("m");
  int reads = 0;
  dynamodb.on_get = [&reads]() -> aws::result<void> {
    if (++reads < 2) return {};
    return aws::Error{.kind = Kind::throttled,
                      .status = 400,
                      .code = "ThrottlingException",
                      .text = "slow",
                      .retry_after = {}};
  };
  const auto table = lambda::make_dynamodb_device_table(dynamodb, "devices");
  DeviceLoader loader(dynamodb, *table, "devices");
  // The first read is of the lost answer, the second finds the record or judges the token.
  for (const int good : {2, 3}) {
    reads = 2 - good;
    const auto loaded = loader.load(kRow, "hash", true);
    ASSERT_FALSE(loaded);
    EXPECT_TRUE(loaded.error().passing());
    EXPECT_TRUE(dynamodb.updates.empty());
  }
}

}  // namespace
}  // namespace sluice::stack
