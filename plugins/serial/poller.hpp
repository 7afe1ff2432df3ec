// Whose turn it is on a bus where only the gateway may begin: one request at a time, an answer or a deadline,
// then the next. Messages for devices go between. Devices that do not answer are asked less and less. Pure
// but for the Clock.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/clock.hpp"

namespace sluice::serial {

struct PollerOptions {
  Duration every = 1s;        // each device
  Duration timeout = 200ms;   // for its answer
  Duration between = 5ms;     // silence between an answer and the next request
  unsigned retries = 2;       // before a device counts as not answering
  Duration most_apart = 60s;  // how rarely a device that does not answer is asked
};

struct PollerCounts {
  std::uint64_t requests = 0, answers = 0, timeouts = 0;
};

class Poller {
 public:
  struct Events {
    // Sends the request of a device; false: the line is not there now.
    std::function<bool(const std::string& address)> ask;
    std::function<void(const std::string& address, bool online)> state;  // when it changes
  };
  Poller(Clock& clock, PollerOptions options, Events events);

  void add(const std::string& address);
  void start();
  void stop();
  // A whole frame of this device has come; empty: of whoever was asked. Whose answer it was; empty: it is
  // none.
  std::string heard(const std::string& address);
  // Something to be sent when the bus is free. False: too much waits.
  bool soon(std::function<void()> send);
  const PollerCounts& counts() const { return counts_; }

 private:
  struct Target {
    MonoTime due;
    unsigned tries = 0;   // of this round
    unsigned silent = 0;  // rounds without an answer
    bool online = true, known = false;
  };
  void next();
  void ask(const std::string& address, Target& target);
  void overdue();
  void set_state(const std::string& address, Target& target, bool online);

  Clock& clock_;
  PollerOptions options_;
  Events events_;
  std::map<std::string, Target> targets_;
  std::string asked_;  // who is being waited for
  bool waiting_ = false, running_ = false;
  std::deque<std::function<void()>> messages_;
  Timer timer_;
  PollerCounts counts_;
};

}  // namespace sluice::serial
