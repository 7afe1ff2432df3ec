// One call of AWS IoT's control plane (REST, JSON) and what may answer it. Each kind of resource has a file
// with its operations and a table of them (operations.hpp); router.cpp finds the operation. Names, paths and
// shapes are those of the AWS IoT API Reference.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cloud/local/http_server.hpp"
#include "cloud/local/registry/local_iot_control.hpp"

namespace sluice::cloud::control {

// json converts from anything, so a result holds it in a box.
struct Document {
  nlohmann::json body = nlohmann::json::object();
};
using Answered = aws::result<Document>;

using Fields = std::map<std::string, std::string, std::less<>>;

struct Call {
  LocalIotControl& iot;
  const HttpRequest& request;
  Fields path, query;   // decoded
  nlohmann::json body;  // an object; empty: none was sent

  Registry& registry() const { return iot.registry(); }
  const std::string& name(std::string_view path_field) const { return path.find(path_field)->second; }
  // Of the query; empty: not there.
  std::string asked(std::string_view field) const;
  bool asked_for(std::string_view flag) const { return asked(flag) == "true"; }
  // Of the body; empty: not there or not of this type.
  std::string text(const char* field) const;
  std::optional<bool> flag(const char* field) const;
  std::optional<std::int64_t> number(const char* field) const;
  nlohmann::json object(const char* field) const;
};

struct Operation {
  std::string_view name, method, path;  // path: "/things/{thingName}"
  Answered (*run)(const Call& call);
};

// Items by their order; the answer has `list` with at most as many as asked for, and `token` when there are
// more.
struct Paging {
  const char* limit_field;  // in the query
  const char* token_field;  // in the query
  const char* token;        // in the answer
};
inline constexpr Paging kByToken{"maxResults", "nextToken", "nextToken"};
inline constexpr Paging kByMarker{"pageSize", "marker", "nextMarker"};
Answered page(const Call& call, Paging paging, const char* list,
              const std::map<std::string, nlohmann::json>& items);

// What a void result answers.
Answered done(const aws::result<void>& outcome);

}  // namespace sluice::cloud::control
