#include "plugins/modbus/payloads.hpp"

#include "plugins/modbus/value.hpp"

namespace sluice::modbus {
namespace {

using adapter::Json;

std::int64_t milliseconds(auto duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

Json head(const UnitState& unit, const Stamp& stamp) {
  Json json = {{"device", unit.settings().device}, {"unit", unit.settings().unit}};
  if (stamp) json["time"] = milliseconds(stamp->time_since_epoch());
  return json;
}

// A name or a text of the configuration need not be UTF-8.
std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

const char* word(Quality quality) {
  return quality == Quality::good ? "good" : quality == Quality::stale ? "stale" : "bad";
}

}  // namespace

std::string reading(const UnitState& unit, const Report& report, MonoTime now, const Stamp& stamp) {
  auto json = head(unit, stamp);
  json["group"] = unit.map().groups[report.group].name;
  auto& values = json["values"] = Json::object();
  for (const auto number : report.points) {
    const auto& point = unit.map().points[number];
    const auto& state = unit.state(number);
    Json value = {{"value", state.value}, {"quality", word(state.quality)}};
    if (!point.units.empty()) value["units"] = point.units;
    if (state.quality != Quality::good) value["reason"] = state.reason;
    if (state.quality == Quality::stale) value["age"] = milliseconds(now - state.read_at);
    values[point.name] = std::move(value);
  }
  return dumped(json);
}

std::string reply(const UnitState& unit, const Command& command, const adapter::Answer& answer,
                  const WriteJob* job, const Stamp& stamp) {
  auto json = head(unit, stamp);
  json["command"] = command.topic;
  json["ok"] = answer.ok();
  if (!command.correlation.empty()) json["correlation"] = command.correlation;
  if (!answer.ok()) {
    json["error"] = answer.error;
    json["text"] = answer.text;
  }
  auto& values = json["values"] = Json::object();
  if (job == nullptr) return dumped(json);
  for (const auto& back : job->read_back()) {
    const auto& point = unit.map().points[back.point];
    auto decoded = decode(point, back.raw);
    Json value = {{"value", std::move(decoded.value)}};
    if (!point.units.empty()) value["units"] = point.units;
    values[point.name] = std::move(value);
  }
  return dumped(json);
}

}  // namespace sluice::modbus
