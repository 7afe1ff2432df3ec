#include "cloud/stack/device_loader.hpp"

#include <algorithm>
#include <utility>

#include "cloud/lambda/token_check.hpp"
#include "core/log.hpp"

namespace sluice::stack {
namespace {

using aws::AttributeValue;
using lambda::DeviceRecord;
using Kind = aws::Error::Kind;

void add_once(std::vector<std::string>& ids, const std::string& id) {
  if (!id.empty() && std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
}

bool never_asked(const DeviceRecord& record) {
  return record.apply_state == lambda::kNew && record.attempt.empty() && record.retiring.empty();
}

// A region that it was imported without was set when it registered.
bool same_place(const DeviceRecord& seen, const DeviceRow& row) {
  return seen.region == row.region || (row.region.empty() && seen.apply_state == lambda::kRegistered);
}

// As it is after it may register again. What it has, or may have, is retired when it does.
DeviceRecord reset(const DeviceRecord& seen, const DeviceRow& row) {
  auto next = seen;
  add_once(next.retiring, seen.cert_id);
  add_once(next.retiring, std::exchange(next.pending_cert, {}));
  next.apply_state = lambda::kNew;
  next.claim_until = 0;
  next.key_hash.clear();
  next.region = row.region;
  return next;
}

}  // namespace

DeviceLoader::DeviceLoader(aws::Dynamodb& dynamodb, lambda::DeviceTable& table, std::string table_name)
    : dynamodb_(dynamodb), table_(table), table_name_(std::move(table_name)) {}

aws::result<Loaded> DeviceLoader::load(const DeviceRow& row, const std::string& token_hash, bool replace) {
  constexpr int kMostRaces = 4;  // against devices that register at this moment
  for (int i = 0; i < kMostRaces; ++i) {
    const auto added = add(row, token_hash);
    if (!added) return added.error();
    if (*added) return Loaded::added;
    const auto seen = table_.find(row.productid);
    if (!seen) return seen.error();
    if (!*seen) continue;  // deleted in between
    const auto changed = change(**seen, row, token_hash, replace);
    if (!changed) return changed.error();
    if (*changed) return **changed;
  }
  return aws::Error{.kind = Kind::unavailable,
                    .status = 0,
                    .code = "Raced",
                    .text = row.productid + " is registering just now; import it again later",
                    .retry_after = {}};
}

// False: it is there.
aws::result<bool> DeviceLoader::add(const DeviceRow& row, const std::string& token_hash) {
  aws::Item item{{"productid", AttributeValue::of(row.productid)},
                 {"accessToken", AttributeValue::of(token_hash)},
                 {"applyState", AttributeValue::of(lambda::kNew)}};
  if (!row.product.empty()) item.emplace("product", AttributeValue::of(row.product));
  if (!row.region.empty()) item.emplace("region", AttributeValue::of(row.region));
  const auto done = dynamodb_.put_item(
      table_name_, item, {.text = "attribute_not_exists(productid)", .names = {}, .values = {}});
  if (done) return true;
  if (done.error().kind != Kind::conflict) return done.error();
  // Ours, if the answer to a first try got lost.
  const auto seen = table_.find(row.productid);
  if (!seen) return seen.error();
  return *seen && (*seen)->token_hash == token_hash;
}

// Nothing: it changed meanwhile.
aws::result<std::optional<Loaded>> DeviceLoader::change(const DeviceRecord& seen, const DeviceRow& row,
                                                        const std::string& token_hash, bool replace) {
  const auto state = seen.apply_state;
  if (state != lambda::kNew && state != lambda::kInProgress && state != lambda::kRegistered) {
    return Loaded::blocked;
  }
  const auto checked = lambda::check_token(table_, row.productid, row.access_token, Log());
  if (!checked && checked.error().status != 401) {  // not judged, so nothing may change
    return aws::Error{.kind = Kind::unavailable,
                      .status = checked.error().status,
                      .code = checked.error().code,
                      .text = row.productid + ": " + checked.error().message,
                      .retry_after = {}};
  }
  if (checked && seen.product == row.product && same_place(seen, row)) return Loaded::unchanged;
  if (state != lambda::kNew && !replace) return Loaded::kept;

  auto now = seen;
  if (!never_asked(seen) || seen.region != row.region) {
    now = reset(seen, row);
    const auto mine = table_.replace(seen, now);
    if (!mine) return mine.error();
    if (!*mine) return std::optional<Loaded>();
  }
  const auto given = give_token(now, row, token_hash);
  if (!given) return given.error();
  if (!*given) return std::optional<Loaded>();
  return state == lambda::kNew ? Loaded::updated : Loaded::replaced;
}

// False: it changed meanwhile.
aws::result<bool> DeviceLoader::give_token(const DeviceRecord& seen, const DeviceRow& row,
                                           const std::string& token_hash) {
  aws::ItemChange change;
  change.table = table_name_;
  change.key = {{"productid", AttributeValue::of(row.productid)}};
  change.names = {{"#token", "accessToken"}, {"#product", "product"}, {"#state", "applyState"}};
  change.values = {{":token", AttributeValue::of(token_hash)},
                   {":seen", AttributeValue::of(seen.token_hash)},
                   {":new", AttributeValue::of(lambda::kNew)}};
  change.update = "SET #token = :token";
  if (row.product.empty()) {
    change.update += " REMOVE #product";
  } else {
    change.update += ", #product = :product";
    change.values.emplace(":product", AttributeValue::of(row.product));
  }
  change.condition = "#token = :seen AND (attribute_not_exists(#state) OR #state = :new)";
  const auto done = dynamodb_.update_item(change);
  if (done) return true;
  if (done.error().kind != Kind::conflict) return done.error();
  const auto now = table_.find(row.productid);  // ours, if the answer to a first try got lost
  if (!now) return now.error();
  return *now && (*now)->token_hash == token_hash;
}

}  // namespace sluice::stack
