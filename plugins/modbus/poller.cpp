#include "plugins/modbus/poller.hpp"

#include <utility>

namespace sluice::modbus {
namespace {

constexpr std::size_t kMostCommands = 64;
// Without an answer from anybody it may be the line, or a connection of which the other end has gone.
constexpr unsigned kUnheardBeforeReopen = 3;

}  // namespace

Poller::Poller(Clock& clock, Bus& bus, PollerOptions options, Events events)
    : clock_(clock),
      bus_(bus),
      options_(options),
      events_(std::move(events)),
      backoff_(options.line),
      timer_(clock) {}

UnitState& Poller::add(UnitSettings settings, const RegisterMap& map) {
  units_.push_back(std::make_unique<Entry>(Entry{UnitState(std::move(settings), map, clock_.now()), false}));
  return units_.back()->state;
}

void Poller::enable(const UnitState& unit, bool on) {
  for (auto& entry : units_) {
    if (&entry->state == &unit) entry->enabled = on;
  }
  step();
}

void Poller::pause(bool on) {
  paused_ = on;
  step();
}

void Poller::stop() {
  stopped_ = true;
  commands_.clear();
  timer_.cancel();
}

bool Poller::command(UnitState& unit, WriteJob job, Done done) {
  if (stopped_ || commands_.size() >= kMostCommands) return false;
  commands_.push_back({&unit, std::move(job), std::move(done)});
  step();
  return true;
}

Poller::Entry* Poller::longest_waiting() {
  Entry* first = nullptr;
  if (paused_) return first;
  for (auto& entry : units_) {
    if (entry->enabled && (first == nullptr || entry->state.due() < first->state.due())) first = entry.get();
  }
  return first;
}

void Poller::step() {
  if (busy_ || stopped_) return;
  timer_.cancel();
  const auto now = clock_.now();
  auto* unit = longest_waiting();
  const bool due = unit != nullptr && unit->state.due() <= now;
  if (commands_.empty() && unit == nullptr) return;
  if (const auto wake = commands_.empty() && !due ? std::max(unit->state.due(), free_at_) : free_at_;
      wake > now)
    return timer_.start(wake - now, [this] { step(); });
  tries_ = 0;
  may_come_twice_ = false;
  // In turn, so that neither of them waits for ever.
  if (!commands_.empty() && !(command_was_last_ && due)) {
    auto& front = commands_.front();
    command_was_last_ = true;
    if (front.unit->may_be_asked(now)) return ask(*front.unit, *front.job.next(), true);
    return fail_front({Outcome::silent, 0, {}, "the unit does not answer at present"});
  }
  command_was_last_ = false;
  ask(unit->state, unit->state.next(now), false);
}

void Poller::ask(UnitState& unit, const Request& request, bool of_command) {
  busy_ = true;
  ++counts_.transactions;
  bus_.ask(request, [this, alive = alive_, &unit, request, of_command](const Response& response) {
    if (*alive && !stopped_) answered(unit, request, of_command, response);
  });
}

void Poller::count(const Response& response) {
  if (response.outcome == Outcome::silent) ++counts_.timeouts;
  if (response.outcome == Outcome::garbled) ++counts_.garbled;
  if (response.outcome == Outcome::exception) ++counts_.exceptions;
}

void Poller::answered(UnitState& unit, const Request& request, bool of_command, const Response& response) {
  count(response);
  const auto now = clock_.now();
  free_at_ = now + options_.silence;
  if (response.outcome == Outcome::no_line) return lose_line(response.text);
  if (!std::exchange(line_is_there_, true)) events_.line("");
  const bool heard = response.outcome == Outcome::ok || response.outcome == Outcome::exception;
  if (!heard && tries_ < unit.retries()) {
    ++tries_;
    may_come_twice_ = may_come_twice_ || response.outcome == Outcome::silent;
    return timer_.start(options_.silence,
                        [this, &unit, request, of_command] { ask(unit, request, of_command); });
  }
  unheard_ = heard ? 0 : unheard_ + 1;
  if (unheard_ >= kUnheardBeforeReopen) {
    unheard_ = 0;
    bus_.reopen();
  }
  if (heard) backoff_.reset();
  // What was asked twice may be answered twice; the second answer must not be taken for that to the next
  // request, which looks the same.
  if (heard && may_come_twice_ && options_.late_answers) free_at_ = now + request.timeout;
  const bool was_online = unit.online();
  if (of_command) {
    commands_.front().job.take(response);
    publish(unit, unit.heard(response, now), was_online);
    if (!commands_.front().job.next()) finish_front();
  } else {
    publish(unit, unit.take(response, now), was_online);
  }
  // Not before: what is told to the driver may bring the next command.
  busy_ = false;
  step();
}

void Poller::publish(UnitState& unit, const std::vector<Report>& reports, bool was_online) {
  if (unit.online() != was_online && events_.state) events_.state(unit, unit.online());
  for (const auto& report : reports) events_.report(unit, report);
}

void Poller::finish_front() {
  const auto command = std::move(commands_.front());
  commands_.pop_front();
  counts_.writes += command.job.writes();
  for (const auto& back : command.job.read_back()) command.unit->learn(back.point, back.raw, clock_.now());
  command.done(*command.unit, command.job);
}

void Poller::fail_front(const Response& response) {
  commands_.front().job.take(response);
  finish_front();
  step();
}

void Poller::lose_line(const std::string& why) {
  const auto now = clock_.now();
  line_is_there_ = false;
  free_at_ = now + backoff_.next();
  events_.line(why);
  for (auto& entry : units_) {
    if (entry->enabled) publish(entry->state, entry->state.line_lost(why, now), entry->state.online());
  }
  const Response gone{Outcome::no_line, 0, {}, why};
  // Those that come in answer to this wait for the next try.
  for (auto waiting = commands_.size(); waiting > 0 && !commands_.empty(); --waiting) {
    commands_.front().job.take(gone);
    finish_front();
  }
  busy_ = false;
  step();
}

}  // namespace sluice::modbus
