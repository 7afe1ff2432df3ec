#include "cloud/lambda/device_table_dynamodb.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "aws/json_text.hpp"

namespace sluice::lambda {
namespace {

using aws::AttributeValue;
using aws::Item;
using Type = AttributeValue::Type;
using Kind = aws::Error::Kind;

AttributeValue list_of(const std::vector<std::string>& texts) {
  auto values = nlohmann::json::array();
  for (const auto& text : texts) values.push_back({{"S", text}});
  return {.type = Type::json, .text = aws::dumped({{"L", std::move(values)}})};
}

std::vector<std::string> texts_of(const Item& item, std::string_view column) {
  std::vector<std::string> texts;
  const auto it = item.find(column);
  if (it == item.end() || it->second.type != Type::json) return texts;
  const auto list = nlohmann::json::parse(it->second.text, nullptr, false);
  if (!list.is_object() || !list.contains("L") || !list["L"].is_array()) return texts;
  for (const auto& value : list["L"]) {
    if (auto text = aws::text_in(value, "S"); !text.empty()) texts.push_back(std::move(text));
  }
  return texts;
}

// A column of the wrong type, as a hand at the console leaves it, must not be read as "new": nothing then.
std::optional<std::int64_t> whole(const Item& item, std::string_view column) {
  return item.contains(column) ? aws::number_of(item, column) : std::int64_t{0};
}

std::optional<DeviceRecord> from_item(const Item& item) {
  const auto state = whole(item, "applyState");
  const auto claim_until = whole(item, "claimUntil");
  if (!state || !claim_until) return std::nullopt;
  DeviceRecord record;
  record.productid = aws::text_of(item, "productid");
  record.token_hash = aws::text_of(item, "accessToken");
  record.product = aws::text_of(item, "product");
  record.region = aws::text_of(item, "region");
  record.timestamp = aws::number_of(item, "timestamp").value_or(0);
  record.apply_state = *state;
  record.cert_id = aws::text_of(item, "certID");
  record.attempt = aws::text_of(item, "attempt");
  record.claim_until = *claim_until;
  record.key_hash = aws::text_of(item, "keyHash");
  record.pending_cert = aws::text_of(item, "pendingCert");
  record.retiring = texts_of(item, "retiring");
  return record;
}

// The columns of a redemption; nothing for those that are empty.
std::array<std::pair<const char*, std::optional<AttributeValue>>, 9> columns_of(const DeviceRecord& record) {
  const auto text = [](const std::string& value) {
    return value.empty() ? std::optional<AttributeValue>() : AttributeValue::of(value);
  };
  const auto number = [](std::int64_t value) {
    return value == 0 ? std::optional<AttributeValue>() : AttributeValue::of(value);
  };
  return {
      {{"region", text(record.region)},
       {"timestamp", number(record.timestamp)},
       {"applyState", AttributeValue::of(record.apply_state)},
       {"certID", text(record.cert_id)},
       {"attempt", text(record.attempt)},
       {"claimUntil", number(record.claim_until)},
       {"keyHash", text(record.key_hash)},
       {"pendingCert", text(record.pending_cert)},
       {"retiring", record.retiring.empty() ? std::optional<AttributeValue>() : list_of(record.retiring)}}};
}

// SET what has a value, REMOVE what has none; all names as #name, because some are DynamoDB's own words.
void write_columns(aws::ItemChange& change, const DeviceRecord& next) {
  std::string set, remove;
  for (const auto& [name, value] : columns_of(next)) {
    const auto column = std::string("#") + name;
    change.names.emplace(column, name);
    if (value) {
      const auto key = std::string(":") + name;
      set.append(set.empty() ? "SET " : ", ").append(column).append(" = ").append(key);
      change.values.emplace(key, *value);
    } else {
      remove.append(remove.empty() ? "REMOVE " : ", ").append(column);
    }
  }
  change.update = set + (remove.empty() ? "" : " " + remove);
}

void require(aws::ItemChange& change, const std::string& name, const AttributeValue& seen, bool or_absent) {
  change.names.emplace("#" + name, name);
  change.values.emplace(":seen_" + name, seen);
  auto term = "#" + name + " = :seen_" + name;
  if (or_absent) term = "(attribute_not_exists(#" + name + ") OR " + term + ")";
  change.condition += (change.condition.empty() ? "" : " AND ") + term;
}

class DynamodbDeviceTable final : public DeviceTable {
 public:
  DynamodbDeviceTable(aws::Dynamodb& dynamodb, std::string name)
      : dynamodb_(dynamodb), name_(std::move(name)) {}

  aws::result<std::optional<DeviceRecord>> find(std::string_view productid) override {
    const auto item = dynamodb_.get_item(name_, {{"productid", AttributeValue::of(productid)}}, true);
    if (!item) return item.error();
    if (!*item) return std::optional<DeviceRecord>();
    auto record = from_item(**item);
    if (!record) {
      return aws::Error{
          Kind::protocol,
          0,
          {},
          name_ + ": " + std::string(productid) + ": applyState or claimUntil is no whole number (N)",
          {}};
    }
    return record;
  }

  aws::result<bool> replace(const DeviceRecord& seen, const DeviceRecord& next) override {
    aws::ItemChange change;
    change.table = name_;
    change.key = {{"productid", AttributeValue::of(seen.productid)}};
    write_columns(change, next);
    require(change, "accessToken", AttributeValue::of(seen.token_hash), false);
    require(change, "applyState", AttributeValue::of(seen.apply_state), seen.apply_state == kNew);
    require(change, "attempt", AttributeValue::of(seen.attempt), seen.attempt.empty());
    require(change, "certID", AttributeValue::of(seen.cert_id), seen.cert_id.empty());
    require(change, "pendingCert", AttributeValue::of(seen.pending_cert), seen.pending_cert.empty());
    const auto done = dynamodb_.update_item(change);
    if (done) return true;
    if (done.error().kind != Kind::conflict) return done.error();
    // The first try may have been done and its answer lost: then the record is ours.
    const auto now = find(seen.productid);
    if (!now) return now.error();
    if (!*now) return false;
    auto written = next;
    written.product = (*now)->product;
    written.token_hash = (*now)->token_hash;
    return **now == written;
  }

  aws::result<void> put(const DeviceRecord& record) override {
    Item item{{"productid", AttributeValue::of(record.productid)},
              {"accessToken", AttributeValue::of(record.token_hash)}};
    if (!record.product.empty()) item.emplace("product", AttributeValue::of(record.product));
    for (auto& [name, value] : columns_of(record)) {
      if (value) item.emplace(name, std::move(*value));
    }
    return dynamodb_.put_item(name_, item);
  }

 private:
  aws::Dynamodb& dynamodb_;
  const std::string name_;
};

}  // namespace

std::unique_ptr<DeviceTable> make_dynamodb_device_table(aws::Dynamodb& dynamodb, std::string table_name) {
  return std::make_unique<DynamodbDeviceTable>(dynamodb, std::move(table_name));
}

}  // namespace sluice::lambda
