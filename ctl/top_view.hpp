// What `sluicectl top` shows: the daemon's answers of each second, turned into a screen or a line. Pure, so
// that tests read the screen.
#pragma once

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/clock.hpp"

namespace sluice::ctl {

class TopView {
 public:
  struct Sample {
    nlohmann::json status, ledger, devices;  // devices may be null: too many to ask for each second
    MonoTime at{};
  };
  // The latest answers; rates are measured between samples, so they do not depend on the daemon's averaging.
  void take(Sample sample);
  // The daemon did not answer; the last values stay on the screen, marked.
  void lost(std::string why) { trouble_ = std::move(why); }

  std::string screen(int columns) const;
  std::string line() const;  // plain, without newline and troubles
  // What is wrong, a line each; the same trouble of many parts once.
  std::vector<std::string> troubles() const;
  const nlohmann::json& status() const { return now_.status; }

 private:
  struct Rates {
    double accepted = 0, delivered = 0;
  };
  double rate_of(const nlohmann::json& device) const;
  std::string devices_part() const;  // a row for each; for each product when they are many
  std::string products_part(const nlohmann::json& devices) const;
  std::string ledger_part() const;

  Sample now_;
  Rates rates_;
  std::map<std::string, double> device_rates_;
  std::deque<double> queue_;  // queued readings, one a sample
  std::string trouble_ = "waiting for the first answer";
  bool any_ = false;
};

// Eight heights of block, scaled to the largest value; as many characters as values.
std::string sparkline(const std::deque<double>& values);

}  // namespace sluice::ctl
