#include "plugins/modbus/write_job.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plugins/modbus/value.hpp"

namespace sluice::modbus {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostPayload = 64 * 1024;
constexpr unsigned kLooks = 3;  // until what was written must be seen: some units take it a moment later

Error wrong(std::string text) { return {errc::invalid_argument, std::move(text)}; }

}  // namespace

result<WriteJob> WriteJob::make(const UnitState& unit, std::string_view payload) {
  if (payload.size() > kMostPayload) return wrong("a command has at most 64 KiB");
  const auto json = Json::parse(payload, nullptr, false);
  if (!json.is_object() || json.empty())
    return wrong("a command is a JSON object of names and values, as in {\"setpoint\": 21.5}");
  std::vector<Write> todo;
  const auto& points = unit.map().points;
  for (const auto& [name, value] : json.items()) {
    const auto it = std::find_if(points.begin(), points.end(),
                                 [&wanted = name](const Point& point) { return point.name == wanted; });
    if (it == points.end()) return wrong("no register is called " + Json(name).dump().substr(0, 80));
    if (!it->writable) return wrong(name + " is not `writable` in the register map");
    auto raw = encode(*it, value);
    if (!raw) return raw.error();
    todo.push_back({static_cast<std::size_t>(it - points.begin()), value, std::move(*raw)});
  }
  // The order of the map, which whoever wrote it can choose.
  std::sort(todo.begin(), todo.end(), [](const Write& a, const Write& b) { return a.point < b.point; });
  return WriteJob(unit.settings(), unit.map(), std::move(todo));
}

WriteJob::WriteJob(const UnitSettings& settings, const RegisterMap& map, std::vector<Write> todo)
    : unit_(settings.unit), timeout_(settings.timeout), map_(&map), todo_(std::move(todo)) {
  begin(0);
}

void WriteJob::begin(std::size_t at) {
  at_ = at;
  looks_ = 0;
  over_ = at_ >= todo_.size();
  if (!over_) step_ = shares_registers(point()) ? Step::look : Step::write;
}

std::optional<Request> WriteJob::next() const {
  if (over_) return std::nullopt;
  Request request{unit_, point().table, point().address, static_cast<std::uint16_t>(point().size),
                  {},    timeout_};
  if (step_ == Step::write) request.values = todo_[at_].raw;
  return request;
}

void WriteJob::take(const Response& response) {
  if (over_) return;
  if (response.outcome != Outcome::ok) {
    const bool said_no = response.outcome == Outcome::exception && response.exception != kBusy &&
                         response.exception != kGatewayPath && response.exception != kGatewayTarget;
    return fail(said_no ? "permanent" : "transient", response.text);
  }
  switch (step_) {
    case Step::look: {
      auto raw = encode(point(), todo_[at_].value, response.values);
      if (!raw) return fail("permanent", raw.error().text);
      todo_[at_].raw = std::move(*raw);
      step_ = Step::write;
      return;
    }
    case Step::write:
      ++writes_;
      if (!point().verify) return begin(at_ + 1);
      step_ = Step::verify;
      return;
    case Step::verify:
      return compare(response.values);
  }
}

void WriteJob::compare(const std::vector<std::uint16_t>& raw) {
  if (raw != todo_[at_].raw && ++looks_ < kLooks) return;
  read_back_.push_back({todo_[at_].point, raw});
  if (raw == todo_[at_].raw) return begin(at_ + 1);
  const auto found = decode(point(), raw);
  fail("permanent", fmt::format("{} was written and is {} when read back", todo_[at_].value.dump(),
                                found.good() ? found.value.dump() : found.reason));
}

void WriteJob::fail(std::string error, const std::string& text) {
  over_ = true;
  error_ = std::move(error);
  text_ = fmt::format("{}: {}", point().name, text);
  if (at_ > 0) text_ += fmt::format(" ({} of {} values were written before)", at_, todo_.size());
}

}  // namespace sluice::modbus
