#include "aws/dynamodb.hpp"

#include <utility>

#include "aws/dynamodb_values.hpp"

namespace sluice::aws {
namespace {

using nlohmann::json;

constexpr std::size_t kMostPage = 2 * 1024 * 1024;  // DynamoDB's own page is 1 MB, without JSON's quotes

void add_expressions(json& body, const std::map<std::string, std::string>& names, const Item& values) {
  if (!names.empty()) body["ExpressionAttributeNames"] = names;
  if (!values.empty()) body["ExpressionAttributeValues"] = to_typed_json(values);
}

class HttpsDynamodb : public Dynamodb {
 public:
  HttpsDynamodb(ServiceOptions options, const Caller& caller)
      : service_("dynamodb", std::move(options), caller) {}

  result<std::optional<Item>> get_item(std::string_view table, const Item& key, bool consistent) override {
    const auto answer =
        ask("GetItem", {{"TableName", table}, {"Key", to_typed_json(key)}, {"ConsistentRead", consistent}});
    if (!answer) return answer.error();
    const auto found = answer->find("Item");
    if (found == answer->end()) return std::optional<Item>{};
    auto item = item_from(*found);
    if (!item) return service_.not_understood("GetItem");
    return item;
  }

  result<void> put_item(std::string_view table, const Item& item, const Expression& condition) override {
    json body = {{"TableName", table}, {"Item", to_typed_json(item)}};
    if (!condition.text.empty()) body["ConditionExpression"] = condition.text;
    add_expressions(body, condition.names, condition.values);
    const auto answer = ask("PutItem", body);
    if (!answer) return answer.error();
    return {};
  }

  result<Item> update_item(const ItemChange& change) override {
    json body = {{"TableName", change.table},
                 {"Key", to_typed_json(change.key)},
                 {"UpdateExpression", change.update},
                 {"ReturnValues", "ALL_NEW"}};
    if (!change.condition.empty()) body["ConditionExpression"] = change.condition;
    add_expressions(body, change.names, change.values);
    const auto answer = ask("UpdateItem", body);
    if (!answer) return answer.error();
    const auto found = answer->find("Attributes");
    auto item = found == answer->end() ? std::optional<Item>{} : item_from(*found);
    if (!item) return service_.not_understood("UpdateItem");
    return *std::move(item);
  }

  result<void> delete_item(std::string_view table, const Item& key) override {
    const auto answer = ask("DeleteItem", {{"TableName", table}, {"Key", to_typed_json(key)}});
    if (!answer) return answer.error();
    return {};
  }

  result<Page> read_page(const PageRequest& request) override {
    json body = {{"TableName", request.table}, {"ConsistentRead", request.consistent}};
    if (!request.index.empty()) body["IndexName"] = request.index;
    if (!request.key_condition.empty()) body["KeyConditionExpression"] = request.key_condition;
    if (!request.filter.empty()) body["FilterExpression"] = request.filter;
    if (!request.start.empty()) body["ExclusiveStartKey"] = to_typed_json(request.start);
    if (request.limit) body["Limit"] = *request.limit;
    add_expressions(body, request.names, request.values);
    const auto action = request.key_condition.empty() ? "Scan" : "Query";
    const auto answer = ask(action, body);
    if (!answer) return answer.error();
    auto page = page_from(*answer);
    if (!page) return service_.not_understood(action);
    return *std::move(page);
  }

 private:
  static std::optional<Page> page_from(const json& answer) {
    Page page;
    const auto items = answer.find("Items");
    if (items == answer.end() || !items->is_array()) return std::nullopt;
    for (const auto& entry : *items) {
      auto item = item_from(entry);
      if (!item) return std::nullopt;
      page.items.push_back(*std::move(item));
    }
    if (const auto next = answer.find("LastEvaluatedKey"); next != answer.end()) {
      auto key = item_from(*next);
      if (!key) return std::nullopt;
      page.next = *std::move(key);
    }
    return page;
  }

  result<json> ask(std::string_view action, const json& body) const {
    ServiceCall call{action, "POST", "/", {}, dumped(body)};
    call.headers = {{"content-type", "application/x-amz-json-1.0"},
                    {"x-amz-target", "DynamoDB_20120810." + std::string(action)}};
    const auto response = service_.call(call);
    if (!response) return response.error();
    auto object = parse_object(response->body, kMostPage);
    if (!object) return service_.not_understood(action);
    return {boost::system::in_place_value, *std::move(object)};  // json converts to everything, so say it
  }

  const Service service_;
};

}  // namespace

std::unique_ptr<Dynamodb> make_dynamodb(ServiceOptions options, const Caller& caller) {
  return std::make_unique<HttpsDynamodb>(std::move(options), caller);
}

}  // namespace sluice::aws
