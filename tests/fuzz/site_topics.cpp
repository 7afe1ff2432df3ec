// What a site's broker brings: any topic against the presets, any payload as availability or information, any
// bytes as a pattern.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "mqtt/topic.hpp"
#include "plugins/mqtt/device_words.hpp"
#include "plugins/mqtt/presets.hpp"

namespace {

using namespace sluice::site;

// A pattern that is taken gives a valid filter, and the filter reaches whatever the pattern matches.
void try_pattern(std::string_view text, std::string_view topic) {
  const auto pattern = TopicPattern::parse(text);
  if (!pattern) return;
  const auto filter = pattern->filter();
  if (!sluice::mqtt::valid_topic_filter(filter)) __builtin_trap();
  Captures captures;
  if (!sluice::mqtt::valid_topic_name(topic) || !pattern->match(topic, captures)) return;
  if (!sluice::mqtt::topic_matches(filter, topic)) __builtin_trap();
  for (const auto& [name, value] : captures) {
    if (value.empty() && name != "rest" && value.data() == nullptr) __builtin_trap();
    if (value.data() < topic.data() || value.data() + value.size() > topic.data() + topic.size())
      __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto cut = bytes.find('\n');
  const auto topic = bytes.substr(0, cut);
  const auto payload = cut == std::string_view::npos ? std::string_view() : bytes.substr(cut + 1);
  constexpr std::array<std::string_view, 4> kShapes = {"zigbee2mqtt", "tasmota", "shelly", "shelly-gen2"};
  RuleBook book;
  const auto preset = preset_of(kShapes[data[0] % kShapes.size()], "");
  for (const auto& rule : preset.rules) (void)book.add(rule);
  for (const auto& command : preset.commands) (void)book.add(command);
  Captures captures;
  if (const auto* rule = book.find(topic, captures)) {
    captures.emplace_back("device", "x");
    (void)rule->to.fill(captures);
  }
  if (const auto* command = book.find_command(topic, captures)) (void)command->topic.fill(captures);
  (void)read_availability(payload);
  for (const auto& info : read_info(payload, {"/a", "/b/c", "/d", "/e"}, 10)) {
    if (info.name.empty() || info.name.size() > 128 || info.model.size() > 128) __builtin_trap();
  }
  try_pattern(payload, topic);
  (void)covers(topic, payload);
  return 0;
}
