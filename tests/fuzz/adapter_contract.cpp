// Anything as the words of an adapter: topics, requests, reports, answers; and as the description and section
// of one.
#include "device/adapter_contract.hpp"

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "config/adapter_section.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  using namespace sluice;
  const auto topic = device::read_adapter_topic(bytes);
  if (topic.kind == device::AdapterTopic::Kind::publish && (topic.device.empty() || topic.topic.empty()))
    __builtin_trap();
  (void)device::is_reserved(bytes);
  if (const auto attach = device::read_attach(bytes)) {
    if (attach->device.empty() || attach->trusted == !attach->token.empty()) __builtin_trap();
  }
  (void)device::read_detach(bytes);
  if (const auto health = device::read_health(bytes); health && health->text.size() > 512) __builtin_trap();
  if (const auto answer = device::read_answer(bytes)) {
    // What is passed on must be JSON again.
    if (!device::read_answer(device::yes(answer->value))) __builtin_trap();
  }
  AdapterOptions adapter;
  adapter.kind = adapter.name = "a";
  std::vector<config::Problem> problems;
  const auto plan = config::plan_adapter(adapter, 0, bytes, problems);
  if (plan.trouble.empty() != problems.empty()) __builtin_trap();
  // And as the section, against a schema with all its words.
  const auto raw = nlohmann::json::parse(bytes, nullptr, false);
  static const auto kSchema = nlohmann::json::parse(R"({"type": "object", "required": ["a"], "properties": {
    "a": {"type": "integer", "minimum": 0, "maximum": 9}, "d": {"type": "integer", "x-sluice": "duration"},
    "s": {"type": "integer", "x-sluice": "size"}, "n": {"type": "number"}, "b": {"type": "boolean"},
    "l": {"type": "array", "maxItems": 3, "items": {"type": "string", "enum": ["x", "y"]}},
    "o": {"type": "object", "additionalProperties": {"type": "string", "x-sluice": "file"}}}})");
  std::vector<AdapterGrant> grants;
  std::vector<config::SectionProblem> found;
  if (!raw.is_discarded()) (void)config::typed_section(kSchema, raw, "/etc/sluice", grants, found);
  return 0;
}
