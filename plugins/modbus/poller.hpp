// Whose turn it is on a Modbus bus: commands and reads in turn, one transaction at a time, silence between
// two, the unit that waits longest first; a line that has gone is tried again. Loop thread, pure but for the
// Clock.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/backoff.hpp"
#include "core/clock.hpp"
#include "plugins/modbus/bus.hpp"
#include "plugins/modbus/unit_state.hpp"
#include "plugins/modbus/write_job.hpp"

namespace sluice::modbus {

struct PollerOptions {
  Duration silence{};                 // between an answer and the next request
  bool late_answers = false;          // RTU: an answer does not say to which request
  BackoffLimits line{250ms, 5s, 5s};  // between tries to open it
};

struct PollerCounts {
  std::uint64_t transactions = 0, timeouts = 0, garbled = 0, exceptions = 0, writes = 0;
};

class Poller {
 public:
  struct Events {
    std::function<void(UnitState& unit, const Report& report)> report;
    std::function<void(UnitState& unit, bool online)> state;  // when it changes
    std::function<void(const std::string& why)> line;         // lost, and why; empty: it is there
  };
  using Done = std::function<void(UnitState& unit, const WriteJob& job)>;

  Poller(Clock& clock, Bus& bus, PollerOptions options, Events events);
  ~Poller() { *alive_ = false; }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  UnitState& add(UnitSettings settings, const RegisterMap& map);
  // Units are asked while they are enabled; at first they are not.
  void enable(const UnitState& unit, bool on);
  // Nothing is read for a while; commands go on.
  void pause(bool on);
  void stop();
  // False: too many wait. `done` unless stop() comes before.
  bool command(UnitState& unit, WriteJob job, Done done);

  const PollerCounts& counts() const { return counts_; }
  bool line_is_there() const { return line_is_there_; }

 private:
  struct Entry {
    UnitState state;
    bool enabled = false;
  };
  struct Command {
    UnitState* unit;
    WriteJob job;
    Done done;
  };
  void step();
  void ask(UnitState& unit, const Request& request, bool of_command);
  void answered(UnitState& unit, const Request& request, bool of_command, const Response& response);
  void count(const Response& response);
  void publish(UnitState& unit, const std::vector<Report>& reports, bool was_online);
  void lose_line(const std::string& why);
  void finish_front();
  void fail_front(const Response& response);
  Entry* longest_waiting();

  Clock& clock_;
  Bus& bus_;
  PollerOptions options_;
  Events events_;
  std::vector<std::unique_ptr<Entry>> units_;
  std::deque<Command> commands_;
  Backoff backoff_;
  Timer timer_;
  MonoTime free_at_{};
  unsigned tries_ = 0;           // of the request under way
  bool may_come_twice_ = false;  // its answer: it was sent again while one could still come
  unsigned unheard_ = 0;         // requests in a row that nobody answered
  bool busy_ = false, paused_ = false, stopped_ = false, line_is_there_ = true, command_was_last_ = false;
  PollerCounts counts_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::modbus
