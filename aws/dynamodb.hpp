// DynamoDB as far as the vending of certificates needs it: items by key, conditional changes, paged reads.
// An interface, so that the local cloud can keep its table in memory. Calls block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/error.hpp"
#include "aws/service.hpp"

namespace sluice::aws {

// One attribute, in DynamoDB's own types.
struct AttributeValue {
  enum class Type : std::uint8_t { string, number, binary, boolean, null, json };
  Type type = Type::null;
  std::string text;  // number: decimal as DynamoDB has it; binary: base64; boolean: "true"; json: {"L": ...}
                     // as it came

  static AttributeValue of(std::string_view text) { return {Type::string, std::string(text)}; }
  static AttributeValue of(std::int64_t number) { return {Type::number, std::to_string(number)}; }
  std::optional<std::int64_t> as_number() const;  // nothing: no number, or not a whole one
  bool operator==(const AttributeValue&) const = default;
};
using Item = std::map<std::string, AttributeValue, std::less<>>;

// The string under `key`, empty if there is none; the same for whole numbers.
std::string text_of(const Item& item, std::string_view key);
std::optional<std::int64_t> number_of(const Item& item, std::string_view key);

struct Expression {
  std::string text;                          // "applyState = :new AND accessToken = :token"
  std::map<std::string, std::string> names;  // "#r" -> "region"
  Item values;                               // ":new" -> 0
};

struct ItemChange {
  std::string table;
  Item key;
  std::string update;                        // "SET applyState = :one"
  std::string condition;                     // must hold, or Kind::conflict; may be empty
  std::map<std::string, std::string> names;  // of both
  Item values;
};

struct PageRequest {
  std::string table, index;   // index may be empty
  std::string key_condition;  // of query; empty: scan
  std::string filter;         // may be empty
  std::map<std::string, std::string> names;
  Item values;
  Item start;                     // where the page before ended
  std::optional<unsigned> limit;  // items looked at in one page
  bool consistent = false;
};
struct Page {
  std::vector<Item> items;
  Item next;  // empty: the last page
};

class Dynamodb {
 public:
  virtual ~Dynamodb() = default;
  // Nothing: no such item.
  virtual result<std::optional<Item>> get_item(std::string_view table, const Item& key, bool consistent) = 0;
  // With a condition that does not hold: Kind::conflict, code ConditionalCheckFailedException.
  virtual result<void> put_item(std::string_view table, const Item& item,
                                const Expression& condition = {}) = 0;
  // The item as it is after the change.
  virtual result<Item> update_item(const ItemChange& change) = 0;
  virtual result<void> delete_item(std::string_view table, const Item& key) = 0;
  virtual result<Page> read_page(const PageRequest& request) = 0;
};

// A change is repeated after a broken connection too, so one that was done the first time may then report a
// conflict: whoever cares reads the item and compares.
std::unique_ptr<Dynamodb> make_dynamodb(ServiceOptions options, const Caller& caller);

}  // namespace sluice::aws
