#include "plugins/mqtt/device_words.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "mqtt/codec.hpp"

namespace sluice::site {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostAvailability = 1024, kMostText = 128;

std::optional<bool> word(std::string_view text) {
  constexpr std::array<std::string_view, 5> kYes = {"online", "true", "1", "on", "connected"};
  constexpr std::array<std::string_view, 5> kNo = {"offline", "false", "0", "off", "disconnected"};
  const auto is = [text](std::string_view other) {
    return std::equal(text.begin(), text.end(), other.begin(), other.end(),
                      [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
  };
  if (std::any_of(kYes.begin(), kYes.end(), is)) return true;
  if (std::any_of(kNo.begin(), kNo.end(), is)) return false;
  return std::nullopt;
}

std::optional<bool> value(const Json& json) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_string()) return word(json.get_ref<const std::string&>());
  if (json.is_number_integer()) return word(json.dump());
  return std::nullopt;
}

std::string text_at(const Json& json, const std::string& pointer) {
  if (pointer.empty()) return {};
  const auto at = Json::json_pointer(pointer);
  if (!json.contains(at)) return {};
  const auto& found = json.at(at);
  std::string text = found.is_string()   ? found.get<std::string>()
                     : found.is_number() ? found.dump()
                                         : std::string();
  if (text.size() <= kMostText) return text;
  text.resize(kMostText);
  while (!text.empty() && !mqtt::valid_utf8(text)) text.pop_back();  // not through the middle of a character
  return text;
}

}  // namespace

std::optional<bool> read_availability(std::string_view payload) {
  if (payload.size() > kMostAvailability) return std::nullopt;
  if (const auto said = word(payload)) return said;
  const auto json = Json::parse(payload, nullptr, false);
  if (!json.is_object()) return value(json);
  for (const auto* key : {"state", "online", "status", "availability"}) {
    if (const auto it = json.find(key); it != json.end()) return value(*it);
  }
  return std::nullopt;
}

std::vector<DeviceInfo> read_info(std::string_view payload, const InfoPointers& pointers, std::size_t most) {
  std::vector<DeviceInfo> all;
  const auto json = Json::parse(payload, nullptr, false);
  const auto one = [&](const Json& object) {
    // An object of Zigbee2MQTT's list that is the coordinator itself is no device.
    if (!object.is_object() || all.size() >= most || object.value("type", Json()) == "Coordinator") return;
    DeviceInfo info{text_at(object, pointers.name), text_at(object, pointers.model),
                    text_at(object, pointers.hardware), text_at(object, pointers.firmware)};
    if (pointers.name.empty() || !info.name.empty()) all.push_back(std::move(info));
  };
  if (json.is_array()) {
    for (const auto& each : json) one(each);
  } else if (!json.is_discarded()) {
    one(json);
  }
  return all;
}

}  // namespace sluice::site
