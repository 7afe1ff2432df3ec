#include "identity/record.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace sluice::identity {
namespace {

using Json = nlohmann::json;

constexpr int kVersion = 1;

// The texts of papers, as the row names them.
template <typename Of, typename Each>
void each_text(Of& papers, const Each& each) {
  each("key", papers.sealed_key);
  each("csr", papers.csr);
  each("certificate", papers.certificate);
  each("id", papers.certificate_id);
  each("ownership", papers.sealed_ownership);
  each("endpoint", papers.endpoint);
  each("credentials_endpoint", papers.credentials_endpoint);
  each("role_alias", papers.role_alias);
  each("root_ca", papers.root_ca);
}

Json papers_json(const Papers& papers) {
  Json json = Json::object();
  each_text(papers, [&json](const char* name, const std::string& value) {
    if (!value.empty()) json[name] = value;
  });
  if (papers.enlisted) json["enlisted"] = true;
  if (papers.not_after != 0) json["not_after"] = papers.not_after;
  if (papers.since != 0) json["since"] = papers.since;
  return json;
}

Papers papers_of(const Json& json) {
  Papers papers;
  each_text(papers, [&json](const char* name, std::string& into) {
    if (const auto it = json.find(name); it != json.end()) into = it->get<std::string>();
  });
  papers.enlisted = json.value("enlisted", false);
  papers.not_after = json.value("not_after", std::int64_t{0});
  papers.since = json.value("since", std::int64_t{0});
  return papers;
}

}  // namespace

std::string to_row(const Record& record) {
  Json json = {{"v", kVersion}, {"state", to_string(record.state)}, {"changed", record.changed}};
  if (!record.product.empty()) json["product"] = record.product;
  if (!record.sealed_token.empty()) json["token"] = record.sealed_token;
  if (!record.former.empty()) json["former"] = record.former;
  if (!record.why.empty()) json["why"] = record.why;
  if (record.judged) json["judged"] = true;
  if (record.forget) json["forget"] = true;
  if (record.present != Papers{}) json["present"] = papers_json(record.present);
  if (record.next != Papers{}) json["next"] = papers_json(record.next);
  return json.dump();
}

result<Record> from_row(std::string_view key, std::string_view row) {
  const auto corrupt = [key](std::string_view what) {
    return Error{errc::corrupt,
                 fmt::format("the identity of `{}` cannot be read from the registry: {}", key, what)};
  };
  const auto json = Json::parse(row, nullptr, false);
  if (!json.is_object()) return corrupt("no JSON");
  try {
    if (json.value("v", 0) > kVersion) {
      return Error{errc::newer_schema,
                   fmt::format("the identity of `{}` was written by a newer version", key)};
    }
    const auto state = state_named(json.at("state").get<std::string>());
    if (!state) {
      return Error{errc::newer_schema,
                   fmt::format("the identity of `{}` is in the state `{}`, which this version "
                               "does not know",
                               key, json.at("state").get<std::string>())};
    }
    Record record;
    record.state = *state;
    record.product = json.value("product", std::string());
    record.sealed_token = json.value("token", std::string());
    record.former = json.value("former", std::string());
    record.why = json.value("why", std::string());
    record.judged = json.value("judged", false);
    record.forget = json.value("forget", false);
    record.changed = json.value("changed", std::int64_t{0});
    if (const auto it = json.find("present"); it != json.end()) record.present = papers_of(*it);
    if (const auto it = json.find("next"); it != json.end()) record.next = papers_of(*it);
    return record;
  } catch (const Json::exception& e) {
    return corrupt(e.what());
  }
}

}  // namespace sluice::identity
