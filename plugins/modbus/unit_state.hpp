// One unit on the bus: which of its registers are due, what they said last and how good that is, how rarely
// it is asked while it does not answer. Pure: time is told to it. Used by Poller.
//
//   due ─▶ next(): Request ─▶ (bus) ─▶ take(Response) ─▶ … ─▶ the cycle is over: Reports
#pragma once

#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "plugins/modbus/bus.hpp"
#include "plugins/modbus/plan.hpp"
#include "plugins/modbus/point.hpp"

namespace sluice::modbus {

// Points that are published together.
struct Group {
  std::string name;
  bool on_change = false;  // published only when a value or its quality is another
  std::vector<std::size_t> points;
};

// Groups, or some of their points, that are read equally often.
struct CycleSettings {
  Duration every = 1s;
  struct Part {
    std::size_t group;
    std::vector<std::size_t> points;
  };
  std::vector<Part> parts;
};

struct RegisterMap {
  std::vector<Point> points;
  std::vector<Group> groups;
  std::vector<CycleSettings> cycles;
};

struct UnitSettings {
  std::uint8_t unit = 1;
  std::string device, token, model, hardware, firmware, map;
  std::vector<std::string> subscribe;
  Duration timeout = 500ms;
  unsigned retries = 2;
  Duration stale_after = 1min;  // an old value is shown as such for so long
  Duration most_apart = 1min;   // how rarely a unit that does not answer is asked
  MergeLimits merge;
};

enum class Quality : std::uint8_t { good, stale, bad };

struct PointState {
  nlohmann::json value;  // null unless it was read once
  Quality quality = Quality::bad;
  std::string reason = "not read yet";
  MonoTime read_at{};
  bool known = false;
  bool operator==(const PointState& other) const {
    return value == other.value && quality == other.quality && reason == other.reason;
  }
};

// A group, or a part of it, to be published.
struct Report {
  std::size_t group = 0;
  std::vector<std::size_t> points;
};

struct UnitCounts {
  std::uint64_t cycles = 0, late = 0, splits = 0;
};

class UnitState {
 public:
  UnitState(UnitSettings settings, const RegisterMap& map, MonoTime now);

  // When it wants the bus; while a cycle is under way, since when.
  MonoTime due() const;
  // Whether it may be asked now; while it does not answer, only as often as due() says.
  bool may_be_asked(MonoTime now) const { return online_ || now >= retry_at_; }
  Request next(MonoTime now);
  // Of the request of next(). What is to be published now.
  std::vector<Report> take(const Response& response, MonoTime now);
  // It did, or did not, answer to something else, a command.
  std::vector<Report> heard(const Response& response, MonoTime now);
  // The line has gone: all values are old, all is due when it is back, and it is not the unit's fault.
  std::vector<Report> line_lost(const std::string& why, MonoTime now);
  // What a command has read back.
  void learn(std::size_t point, std::span<const std::uint16_t> raw, MonoTime now);
  // How often the last request is sent again before its unit counts as not answering.
  unsigned retries() const { return online_ ? settings_.retries : 0; }

  bool online() const { return online_; }
  const UnitSettings& settings() const { return settings_; }
  const RegisterMap& map() const { return map_; }
  const PointState& state(std::size_t point) const { return states_[point]; }
  const UnitCounts& counts() const { return counts_; }

 private:
  struct Slot {
    Read read;
    unsigned refused = 0;  // times in a row
    MonoTime not_before{};
  };
  struct Cycle {
    const CycleSettings* settings;
    MonoTime due;
    std::vector<Slot> slots;
    bool plan_anew = false;  // before it begins again
  };
  void plan(Cycle& cycle);
  void begin(Cycle& cycle, MonoTime now);
  std::vector<Report> advance(MonoTime now);
  std::vector<Report> finish(MonoTime now);
  std::vector<Report> silent(const std::string& why, MonoTime now);
  void refused(const Response& response, MonoTime now);
  void answered(MonoTime now);
  void spoil(const std::vector<std::size_t>& points, const std::string& why, MonoTime now);
  std::vector<Report> spoil_all(const std::string& why, MonoTime now);
  bool changed(const std::vector<std::size_t>& points) const;
  Report report(std::size_t group, std::vector<std::size_t> points);

  UnitSettings settings_;
  const RegisterMap& map_;
  std::vector<Cycle> cycles_;
  Cycle* active_ = nullptr;  // under way, at slot_
  std::size_t slot_ = 0;
  bool any_answer_ = false;  // in this cycle
  std::vector<PointState> states_, published_;
  bool online_ = true;
  unsigned failures_ = 0;  // cycles in a row without an answer
  MonoTime retry_at_{};
  UnitCounts counts_;
};

}  // namespace sluice::modbus
