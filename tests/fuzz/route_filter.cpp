// A payload of a device against a filter: `pointer newline payload`. The finder agrees with a document that
// is built, and a reading that has just passed an on_change filter does not pass again.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "ingest/filters.hpp"

namespace {

using namespace sluice;
using namespace sluice::ingest;

// What the tokens lead to in a built document; null if nothing. The first of two equal keys counts for the
// finder, the last for the document, so documents with such keys are left out by the caller.
const nlohmann::json* lookup(const nlohmann::json& document, const JsonPointer& pointer) {
  const auto* here = &document;
  for (const auto& token : pointer.tokens()) {
    if (here->is_object() && here->contains(token.key)) {
      here = &(*here)[token.key];
    } else if (here->is_array() && token.index && *token.index < here->size()) {
      here = &(*here)[*token.index];
    } else {
      return nullptr;
    }
  }
  return here;
}

bool repeats_a_key(std::string_view text) {
  std::vector<std::vector<std::string>> open;
  bool repeats = false;
  const auto watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start) open.emplace_back();
    if (event == Event::object_end && !open.empty()) open.pop_back();
    if (event == Event::key && !open.empty()) {
      auto& keys = open.back();
      auto name = value.get<std::string>();
      repeats = repeats || std::find(keys.begin(), keys.end(), name) != keys.end();
      keys.push_back(std::move(name));
    }
    return true;
  };
  static_cast<void>(nlohmann::json::parse(text.begin(), text.end(), watch, false));
  return repeats;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto end = input.find('\n');
  if (end == std::string_view::npos || (end > 0 && input[0] != '/')) return 0;
  const JsonPointer pointer(input.substr(0, end));
  const auto payload = input.substr(end + 1);

  const auto found = json_value_at(pointer, payload);
  const auto document = nlohmann::json::parse(payload.begin(), payload.end(), nullptr, false);
  if (!document.is_discarded() && payload.size() <= kMaxJson && !repeats_a_key(payload)) {
    const auto* value = lookup(document, pointer);
    if ((value != nullptr) != found.has_value()) std::abort();
    if (value != nullptr && value->is_number() != found->number.has_value()) std::abort();
    if (value != nullptr && value->is_number() && value->get<double>() != *found->number) std::abort();
  }

  Filters filters(4);
  for (const auto kind : {FilterOptions::Kind::on_change, FilterOptions::Kind::deadband}) {
    Filter filter{{}, pointer};
    filter.options.kind = kind;
    filter.options.deadband = 1;
    const auto first = filters.judge(filter, static_cast<NameId>(kind), "t", payload, MonoTime{});
    if (first == Verdict::hold) std::abort();
    filters.passed();
    const auto second = filters.judge(filter, static_cast<NameId>(kind), "t", payload, MonoTime{});
    if (second != (first == Verdict::pass ? Verdict::hold : Verdict::unfiltered)) std::abort();
  }
  return 0;
}
