// DynamoDB's typed JSON ({"S": "x"}) to and from attribute values. Used by dynamodb.cpp.
#pragma once

#include <optional>

#include "aws/dynamodb.hpp"
#include "aws/json_text.hpp"

namespace sluice::aws {

nlohmann::json to_typed_json(const Item& item);
std::optional<Item> item_from(const nlohmann::json& object);

}  // namespace sluice::aws
