// The words of docs/adapters.md: topics and payloads between the daemon and an adapter, read and written.
// Pure. Everything that comes from an adapter is bounded and checked here.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace sluice::device {

inline constexpr std::string_view kAnswerTopic = "$sluice/v1/answer";
inline constexpr std::string_view kAdapterClientPrefix = "$adapter/";

// `$sluice/...`, also behind `$share/group/`: for adapter sessions only.
bool is_reserved(std::string_view topic_or_filter);
std::string inbox_of(std::string_view adapter);

struct AdapterTopic {
  enum class Kind : std::uint8_t { unknown, attach, detach, publish, health, answer };
  Kind kind = Kind::unknown;
  std::string_view device, topic;  // of publish
};
AdapterTopic read_adapter_topic(std::string_view topic);

struct AttachRequest {
  std::string device, product, token;
  bool trusted = false;
  std::string model, hardware, firmware;
  nlohmann::json capabilities = nlohmann::json::object();
  std::vector<std::string> subscribe;
  std::uint32_t expiry_s = 86'400;
};
result<AttachRequest> read_attach(std::string_view payload);

struct DetachRequest {
  std::string device, reason;
};
result<DetachRequest> read_detach(std::string_view payload);

struct HealthReport {
  enum class State : std::uint8_t { ok, degraded, failed };
  State state = State::ok;
  std::string text;
  std::map<std::string, double> counters;
  std::map<std::string, std::string> devices;
};
std::string_view to_string(HealthReport::State state);
result<HealthReport> read_health(std::string_view payload);

// Of the adapter, to a message or call.
struct AdapterAnswer {
  bool ok = false;
  std::string error, text;
  nlohmann::json value;  // the whole object
  // Worth another try in a while.
  bool again() const { return error == "transient" || error == "busy"; }
};
result<AdapterAnswer> read_answer(std::string_view payload);

std::string base64(std::string_view bytes);
std::string yes(nlohmann::json more = nlohmann::json::object());
std::string no(std::string_view error, std::string_view text);

}  // namespace sluice::device
