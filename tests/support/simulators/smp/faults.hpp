// What goes wrong with a simulated SMP device: knobs, all changeable while it runs, by lines of text
// ("drop=0.05", "reset-at-chunk=7", "silent=1"). Chance is seeded, so that a run can be had again.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace sluice::smp_device {

struct Faults {
  double drop = 0;                    // share of lines (UDP: datagrams) lost, each way
  double flip = 0;                    // share of lines in which a bit is turned, each way
  double noise = 0;                   // share of lines that a log line of the device precedes
  std::uint64_t latency_ms = 0;       // before each answer
  std::uint64_t erase_ms = 0;         // a slot's erase
  std::uint64_t boot_ms = 500;        // silent after a reset
  std::uint64_t reset_at_chunk = 0;   // resets instead of answering the n-th packet of an upload; 0: never
  std::uint64_t forget_at_chunk = 0;  // loses what RAM knows of the upload then
  std::uint64_t busy = 0;             // so many requests are answered with `busy`
  bool revert_on_boot = false;        // a new image crashes in its trial
  bool self_confirm = false;          // a new image confirms itself
  bool silent = false;                // answers nothing
  bool wrong_hash = false;            // what is written to flash is damaged
  bool ignore_reset = false;          // answers a reset and stays

  // One knob, name=value. Errors name it.
  result<> set(std::string_view line);
};

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : source_(seed) {}
  bool hits(double share) { return share > 0 && std::uniform_real_distribution<>(0, 1)(source_) < share; }
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(source_); }

 private:
  std::mt19937_64 source_;
};

}  // namespace sluice::smp_device
