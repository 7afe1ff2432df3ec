// The daemon as an adapter's driver sees it, as a script: remembers what it is told, answers what the test
// says. For the unit tests of drivers; the SDK's own Session is tested against the daemon's words.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "plugins/sdk/adapter.hpp"

namespace sluice::adapter::test {

class ScriptedGateway final : public Gateway {
 public:
  struct Seen {
    std::string device, topic, payload;
    std::function<void(const Published&)> done;
  };
  std::map<std::string, Answer> attach_answers;  // by device; ok unless given
  bool acks_at_once = true;                      // else with ack()
  std::size_t most_open = 1000;
  std::vector<Device> attached;
  std::vector<std::string> detached;
  std::vector<Seen> published;
  std::string state = "ok", text;
  std::map<std::string, std::uint64_t, std::less<>> counters;
  std::map<std::string, std::string, std::less<>> states;
  std::vector<std::string> log_lines;
  int exit_code = -1;

  void attach(const Device& device, std::function<void(Answer)> done) override {
    attached.push_back(device);
    const auto it = attach_answers.find(device.id);
    done(it == attach_answers.end() ? yes() : it->second);
  }
  void detach(std::string_view device, std::string_view) override { detached.emplace_back(device); }
  bool publish(std::string_view device, std::string_view topic, std::string_view payload,
               std::function<void(const Published&)> done, std::string_view = {}) override {
    if (open_ >= most_open) return false;
    ++open_;
    published.push_back({std::string(device), std::string(topic), std::string(payload), std::move(done)});
    if (acks_at_once) ack(published.size() - 1);
    return true;
  }
  // The daemon answers the nth publish.
  void ack(std::size_t n, bool on_disk = true) {
    --open_;
    const auto done = std::exchange(published[n].done, nullptr);
    if (done) done({on_disk, static_cast<std::uint8_t>(on_disk ? 0 : 0x97), {}});
    make_room();
  }
  // Says that there is room, when there is.
  void make_room() {
    if (room_ && open_ < most_open) room_();
  }
  std::size_t unacknowledged() const override { return open_; }
  void on_room(std::function<void()> fn) override { room_ = std::move(fn); }
  void health(std::string_view now, std::string_view why) override {
    state = now;
    text = why;
  }
  void counter(std::string_view name, std::uint64_t value) override {
    counters.insert_or_assign(std::string(name), value);
  }
  void device_state(std::string_view device, std::string_view now) override {
    states.insert_or_assign(std::string(device), std::string(now));
  }
  void log(int level, std::string_view line) override {
    log_lines.push_back(std::to_string(level) + " " + std::string(line));
  }
  void quit(int code, std::string_view) override { exit_code = code; }

 private:
  std::size_t open_ = 0;
  std::function<void()> room_;
};

}  // namespace sluice::adapter::test
