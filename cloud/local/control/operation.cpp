#include "cloud/local/control/operation.hpp"

#include <charconv>

#include "cloud/local/json_text.hpp"
#include "cloud/local/registry/aws_refusal.hpp"

namespace sluice::cloud::control {

using nlohmann::json;

std::string Call::asked(std::string_view field) const {
  const auto it = query.find(field);
  return it == query.end() ? std::string() : it->second;
}

std::string Call::text(const char* field) const {
  const auto it = body.find(field);
  return it != body.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::optional<bool> Call::flag(const char* field) const {
  const auto it = body.find(field);
  return it != body.end() && it->is_boolean() ? std::optional(it->get<bool>()) : std::nullopt;
}

std::optional<std::int64_t> Call::number(const char* field) const {
  const auto it = body.find(field);
  return it != body.end() && it->is_number_integer() ? std::optional(it->get<std::int64_t>()) : std::nullopt;
}

json Call::object(const char* field) const {
  const auto it = body.find(field);
  return it != body.end() && it->is_object() ? *it : json::object();
}

Answered page(const Call& call, Paging paging, const char* list, const std::map<std::string, json>& items) {
  constexpr std::size_t kMost = 250;
  std::size_t limit = kMost;
  if (const auto text = call.asked(paging.limit_field); !text.empty()) {
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (ec != std::errc{} || end != text.data() + text.size() || limit == 0 || limit > kMost)
      return invalid_request(std::string(paging.limit_field) + " must be a number from 1 to 250");
  }
  auto from = items.begin();
  if (const auto token = call.asked(paging.token_field); !token.empty()) {
    std::string last;
    if (!from_base64(token, last))
      return invalid_request(std::string(paging.token_field) + " is not one of ours");
    from = items.upper_bound(last);
  }
  Document answer;
  answer.body[list] = json::array();
  std::string last;
  for (; from != items.end() && answer.body[list].size() < limit; ++from) {
    answer.body[list].push_back(from->second);
    last = from->first;
  }
  if (from != items.end()) answer.body[paging.token] = base64(last);
  return answer;
}

Answered done(const aws::result<void>& outcome) {
  if (!outcome) return outcome.error();
  return Document{};
}

}  // namespace sluice::cloud::control
