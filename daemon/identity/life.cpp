#include "identity/life.hpp"

#include <fmt/format.h>

namespace sluice::identity {
namespace {

constexpr Duration kRewrite = 10s;  // the registry could not be written: disk full, mostly

}  // namespace

Life::Life(Ground& ground, std::string id, LaneId lane, Record record)
    : ground_(ground),
      id_(std::move(id)),
      lane_(lane),
      record_(std::move(record)),
      backoff_(ground.backoff),
      timer_(ground.clock),
      rewrite_(ground.clock) {}

Life::~Life() {
  *alive_ = false;
  stop_what_runs(false);
}

void Life::begin(Done written) {
  steps_.push_back({Event::resumed, {}, std::move(written), 0});
  next_step();
}

void Life::resume() {
  on_disk_ = true;
  if (in_use(record_.state)) open_lane();
  steps_.push_back({Event::resumed, {}, {}, 0});
  next_step();
}

void Life::happen(Event event, Change change, Done written) {
  steps_.push_back({event, std::move(change), std::move(written), 0});
  next_step();
}

void Life::trouble(const std::string& words) {
  trouble_ = words;
  happen(Event::trouble, [words](Record& record) {
    if (record.state == State::revoked) record.why = words;
  });
}

void Life::amend(Change change, Done written) {
  steps_.push_back({{}, std::move(change), std::move(written), 0});
  next_step();
}

void Life::answer(std::uint64_t turn, Event event, Change change) {
  steps_.push_back({event, std::move(change), {}, turn});
  next_step();
}

result<Secret> Life::token() const {
  if (record_.sealed_token.empty()) return Secret();
  return open("token", record_.sealed_token);
}

result<Secret> Life::open(std::string_view purpose, std::string_view sealed) const {
  return ground_.seal.open(id_, purpose, sealed);
}

result<std::string> Life::close(std::string_view purpose, std::string_view secret) const {
  return ground_.seal.close(id_, purpose, secret);
}

void Life::stop_what_runs(bool keep_seat) {
  ++turn_;  // answers that are still to come are not waited for
  timer_.cancel();
  if (standing_at_ != nullptr) standing_at_->leave(place_);
  standing_at_ = nullptr;
  place_ = 0;
  if (!keep_seat) seat_.reset();
}

void Life::next_step() {
  while (!writing_ && !steps_.empty()) {
    auto step = std::move(steps_.front());
    steps_.pop_front();
    if (step.turn != 0 && step.turn != turn_) continue;
    const Row* row = nullptr;
    Record next = record_;
    if (step.event) {
      // An answer that the table does not know is a mistake of ours; a command may just come at the wrong
      // time.
      row = step.turn != 0 ? &row_for(record_.state, *step.event) : find_row(record_.state, *step.event);
      if (row == nullptr) {
        if (step.written) {
          step.written(Error{errc::denied, fmt::format("{} is {}: this cannot be done to it now", thing(),
                                                       to_string(record_.state))});
        }
        continue;
      }
      if (row->effect != Effect::none) stop_what_runs(*step.event == Event::slot);
      next.state = row->next;
    }
    if (step.change) step.change(next);
    if (on_disk_ && next == record_) {
      if (step.written) step.written({});
      if (row != nullptr) run(row->effect);
      continue;
    }
    if (next.state != record_.state || !on_disk_) {
      next.changed =
          std::chrono::duration_cast<std::chrono::seconds>(ground_.clock.wall().time_since_epoch()).count();
    }
    writing_ = true;
    write(next, row, std::move(step.written));
  }
}

void Life::write(const Record& record, const Row* row, Done written) {
  const std::string name(to_string(record.state));
  const auto again = [this, record, row, written] {
    rewrite_.start(kRewrite, [this, record, row, written] { write(record, row, written); });
  };
  if (ground_.failpoints.hit("identity-before-" + name)) return again();
  ground_.registry.put(kIdentitySpace, id_, to_row(record),
                       [this, alive = alive_, name, record, row, written, again](const result<void>& done) {
                         if (!*alive) return;
                         if (!done) {
                           if (error_ != done.error().text)
                             ground_.log.error("{}: its state cannot be written: {}", thing(),
                                               done.error().text);
                           error_ = done.error().text;
                           return again();
                         }
                         (void)ground_.failpoints.hit("identity-after-" + name);
                         wrote(record, row, written);
                       });
}

void Life::wrote(const Record& record, const Row* row, const Done& written) {
  const auto before = record_.state;
  const bool first = !on_disk_;
  record_ = record;
  on_disk_ = true;
  writing_ = false;
  if (first || before != record_.state) {
    if (record_.state == State::refused || record_.state == State::revoked) {
      ground_.log.warn("{}: {}: {}", thing(), to_string(record_.state), record_.why);
    } else {
      ground_.log.info("{}: {}", thing(), to_string(record_.state));
    }
  }
  if (written) written({});
  if (changed) changed(*this, before);
  if (row != nullptr) run(row->effect);
  next_step();
}

}  // namespace sluice::identity
