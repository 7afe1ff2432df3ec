#include "device/adapter_contract.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>

#include "device/access.hpp"
#include "mqtt/topic.hpp"

namespace sluice::device {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kRoot = "$sluice/v1/";
constexpr std::size_t kMostAttach = 32 * 1024, kMostHealth = 64 * 1024, kMostAnswer = 64 * 1024;
constexpr int kMostDepth = 16;
constexpr std::size_t kMostName = 128, kMostText = 512, kMostCapabilities = 4096, kMostFilters = 32,
                      kMostCounters = 32;
constexpr std::size_t kMostToken = 4096, kMostOffline = 10'000;
constexpr std::uint32_t kMostExpiry = 7 * 86'400;

Error invalid(std::string text) { return {errc::invalid_argument, std::move(text)}; }

// Not result<Json>: what a Json is made of is anything.
struct Object {
  Json json;
  std::string wrong;
  explicit operator bool() const { return wrong.empty(); }
  Error error() const { return invalid(wrong); }
  const Json& operator*() const { return json; }
  const Json* operator->() const { return &json; }
};

Object read_object(std::string_view payload, std::size_t most) {
  if (payload.size() > most)
    return {{}, fmt::format("the payload has {} bytes, allowed: {}", payload.size(), most)};
  bool deep = false;
  const auto bounded = [&deep](int depth, Json::parse_event_t, Json&) {
    deep = deep || depth > kMostDepth;
    return !deep;
  };
  auto json = Json::parse(payload, bounded, false);
  if (deep || !json.is_object()) return {{}, "the payload is no JSON object of at most 16 levels"};
  return {std::move(json), {}};
}

// A text of at most `most` bytes, without control characters; absent: empty.
result<std::string> text_of(const Json& json, const char* key, std::size_t most) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return std::string();
  if (!it->is_string()) return invalid(fmt::format("`{}` is no text", key));
  const auto& text = it->get_ref<const std::string&>();
  const bool control = std::any_of(text.begin(), text.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (text.size() > most || control)
    return invalid(fmt::format("`{}` has more than {} bytes, or control characters", key, most));
  return text;
}

result<std::string> device_of(const Json& json) {
  auto device = text_of(json, "device", kMostName);
  if (device && !valid_device_id(*device)) return invalid("`device` must be 1 to 128 of A-Z a-z 0-9 : _ -");
  return device;
}

// Long texts of people are cut, not refused.
std::string shortened(const Json& json, const char* key) {
  const auto it = json.find(key);
  if (it == json.end() || !it->is_string()) return {};
  auto text = it->get<std::string>().substr(0, kMostText);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
      ' ');
  return text;
}

result<void> read_subscribe(const Json& json, AttachRequest& request) {
  const auto it = json.find("subscribe");
  if (it == json.end()) return {};
  if (!it->is_array() || it->size() > kMostFilters)
    return invalid(fmt::format("`subscribe` is no list of at most {} filters", kMostFilters));
  for (const auto& filter : *it) {
    if (!filter.is_string() || !mqtt::valid_topic_filter(filter.get_ref<const std::string&>()) ||
        is_reserved(filter.get_ref<const std::string&>()))
      return invalid("`subscribe` has something that is no topic filter for devices");
    request.subscribe.push_back(filter.get<std::string>());
  }
  return {};
}

}  // namespace

bool is_reserved(std::string_view topic) {
  if (topic.starts_with("$share/")) {
    const auto shared = mqtt::split_shared(topic);
    if (!shared) return true;  // fail closed
    topic = shared->filter;
  }
  return topic == "$sluice" || topic.starts_with("$sluice/");
}

std::string inbox_of(std::string_view adapter) { return fmt::format("{}to/{}", kRoot, adapter); }

AdapterTopic read_adapter_topic(std::string_view topic) {
  using Kind = AdapterTopic::Kind;
  if (!topic.starts_with(kRoot)) return {};
  topic.remove_prefix(kRoot.size());
  if (topic.starts_with("pub/")) {
    topic.remove_prefix(4);
    const auto slash = topic.find('/');
    if (slash == std::string_view::npos || slash == 0 || slash + 1 == topic.size()) return {};
    return {Kind::publish, topic.substr(0, slash), topic.substr(slash + 1)};
  }
  if (topic == "answer") return {Kind::answer, {}, {}};
  if (topic == "attach") return {Kind::attach, {}, {}};
  if (topic == "detach") return {Kind::detach, {}, {}};
  if (topic == "health") return {Kind::health, {}, {}};
  return {};
}

result<AttachRequest> read_attach(std::string_view payload) {
  const auto json = read_object(payload, kMostAttach);
  if (!json) return json.error();
  AttachRequest request;
  auto device = device_of(*json);
  if (!device) return device.error();
  request.device = std::move(*device);
  for (auto [key, most, into] : {std::tuple{"product", kMostName, &request.product},
                                 {"accessToken", kMostToken, &request.token},
                                 {"model", kMostName, &request.model},
                                 {"hardware", kMostName, &request.hardware},
                                 {"firmware", kMostName, &request.firmware}}) {
    auto text = text_of(*json, key, most);
    if (!text) return text.error();
    *into = std::move(*text);
  }
  const auto trusted = json->find("trusted");
  if (trusted != json->end() && !trusted->is_boolean()) return invalid("`trusted` is neither true nor false");
  request.trusted = trusted != json->end() && trusted->get<bool>();
  if (request.trusted != request.token.empty())
    return invalid("one of `accessToken` and `trusted: true` is needed");
  if (const auto it = json->find("capabilities"); it != json->end()) {
    if (!it->is_object() ||
        it->dump(-1, ' ', false, Json::error_handler_t::replace).size() > kMostCapabilities)
      return invalid(fmt::format("`capabilities` is no object of at most {} bytes", kMostCapabilities));
    request.capabilities = *it;
  }
  if (const auto it = json->find("expiry_s"); it != json->end()) {
    if (!it->is_number_unsigned() || it->get<std::uint64_t>() > kMostExpiry)
      return invalid(fmt::format("`expiry_s` is no whole number of 0 to {}", kMostExpiry));
    request.expiry_s = it->get<std::uint32_t>();
  }
  if (auto read = read_subscribe(*json, request); !read) return read.error();
  return request;
}

result<DetachRequest> read_detach(std::string_view payload) {
  const auto json = read_object(payload, kMostAttach);
  if (!json) return json.error();
  auto device = device_of(*json);
  if (!device) return device.error();
  return DetachRequest{std::move(*device), shortened(*json, "reason")};
}

std::string_view to_string(HealthReport::State state) {
  switch (state) {
    case HealthReport::State::ok:
      return "ok";
    case HealthReport::State::degraded:
      return "degraded";
    case HealthReport::State::failed:
      return "failed";
  }
  return "failed";
}

result<HealthReport> read_health(std::string_view payload) {
  const auto json = read_object(payload, kMostHealth);
  if (!json) return json.error();
  HealthReport report;
  const auto state = json->value("state", Json());
  if (state == "degraded") {
    report.state = HealthReport::State::degraded;
  } else if (state == "failed") {
    report.state = HealthReport::State::failed;
  } else if (state != "ok") {
    return invalid("`state` is none of ok, degraded, failed");
  }
  report.text = shortened(*json, "text");
  if (const auto it = json->find("counters"); it != json->end()) {
    if (!it->is_object() || it->size() > kMostCounters)
      return invalid("`counters` is no object of at most 32 numbers");
    for (const auto& [name, value] : it->items()) {
      if (!value.is_number() || name.size() > kMostName)
        return invalid("`counters` has something that is no number");
      report.counters[name] = value.get<double>();
    }
  }
  if (const auto it = json->find("devices"); it != json->end()) {
    if (!it->is_object() || it->size() > kMostOffline) return invalid("`devices` is no object");
    for (const auto& [name, value] : it->items()) {
      if (!valid_device_id(name) || !value.is_string())
        return invalid("`devices` has something that is no device with its state");
      report.devices[name] = value.get<std::string>().substr(0, kMostName);
    }
  }
  return report;
}

result<AdapterAnswer> read_answer(std::string_view payload) {
  const auto json = read_object(payload, kMostAnswer);
  if (!json) return json.error();
  AdapterAnswer answer;
  const auto ok = json->find("ok");
  if (ok == json->end() || !ok->is_boolean()) return invalid("`ok` is neither true nor false");
  answer.ok = ok->get<bool>();
  answer.text = shortened(*json, "text");
  if (!answer.ok) {
    auto error = text_of(*json, "error", kMostName);
    if (!error) return error.error();
    answer.error = error->empty() ? "permanent" : std::move(*error);
  }
  answer.value = *json;
  return answer;
}

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const auto size =
      ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string yes(Json more) {
  more["ok"] = true;
  return more.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string no(std::string_view error, std::string_view text) {
  return Json{{"ok", false}, {"error", error}, {"text", text}}.dump(-1, ' ', false,
                                                                    Json::error_handler_t::replace);
}

}  // namespace sluice::device
