// The credentials room with a scripted AWS, a registry in memory and virtual time: what its tests share.
// Waiting is turning the loop until something is so.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "identity/credentials_cache.hpp"
#include "identity/credentials_room.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::identity::test {

using sluice::test::VirtualClock;

// AWS as a script: an answer at a time, given when the test turns the loop; or held until it says so.
class ScriptedProvider final : public CredentialsFetcher {
 public:
  ScriptedProvider(boost::asio::io_context& loop, VirtualClock& clock) : loop_(loop), clock_(clock) {}

  void fetch(CredentialsSource source, Done done) override {
    asked.push_back(std::move(source));
    running_.push_back(std::move(done));
    if (!holds) answer_next();
  }
  void answer_next() {
    auto done = std::move(running_.front());
    running_.pop_front();
    boost::asio::post(loop_, [this, done = std::move(done)] {
      if (fails) return done(*fails);
      done(fresh());
    });
  }
  aws::TemporaryCredentials fresh() {
    const auto number = std::to_string(++given);
    return {{"ASIA" + number, "secret-" + number, "session-" + number},
            std::chrono::time_point_cast<std::chrono::seconds>(clock_.wall()) + life};
  }

  std::vector<CredentialsSource> asked;
  std::optional<aws::Error> fails;
  bool holds = false;
  std::chrono::seconds life{3600};
  int given = 0;

 private:
  boost::asio::io_context& loop_;
  VirtualClock& clock_;
  std::deque<Done> running_;
};

class MemoryRegistry final : public store::Registry {
 public:
  explicit MemoryRegistry(boost::asio::io_context& loop) : loop_(loop) {}
  result<void> scan(store::Space space,
                    const std::function<void(std::string_view, std::string_view)>& fn) override {
    for (const auto& [key, value] : rows) {
      if (key.first == space) fn(key.second, value);
    }
    return {};
  }
  void put(store::Space space, std::string_view key, std::string_view value,
           std::function<void(result<void>)> done) override {
    boost::asio::post(loop_, [this, space, key = std::string(key), value = std::string(value), done] {
      if (broken) return done(Error{errc::io, "the registry is broken"});
      rows[{space, key}] = value;
      done({});
    });
  }
  void erase(store::Space space, std::string_view key, std::function<void(result<void>)> done) override {
    boost::asio::post(loop_, [this, space, key = std::string(key), done] {
      if (broken) return done(Error{errc::io, "the registry is broken"});
      rows.erase({space, key});
      done({});
    });
  }
  void close() override {}

  std::map<std::pair<store::Space, std::string>, std::string> rows;
  bool broken = false;

 private:
  boost::asio::io_context& loop_;
};

struct House {
  boost::asio::io_context loop{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{loop.get_executor()};
  VirtualClock clock;
  MemoryRegistry registry{loop};
  std::map<std::string, CredentialsSource> identities = {
      {"", {{"gw-1", "", {}}, "p.credentials.example.com", "role-gw"}},
      {"dev-1", {{"dev-1", "", {}}, "p.credentials.example.com", "role-dev"}}};
  std::vector<std::string> lines;

  CredentialsSourceOf source_of() {
    return [this](const std::string& id) -> result<CredentialsSource> {
      const auto found = identities.find(id);
      if (found == identities.end()) return Error{errc::not_found, "there is no device " + id};
      return found->second;
    };
  }
  Log log() {
    return {std::make_shared<const Log::Sink>(
                [this](Level, std::string_view, std::string_view line) { lines.emplace_back(line); }),
            "credentials"};
  }
  bool logged(std::string_view text) const { return times_logged(text) > 0; }
  int times_logged(std::string_view text) const {
    int times = 0;
    for (const auto& line : lines) times += line.find(text) != std::string::npos ? 1 : 0;
    return times;
  }
  void settle() {
    loop.restart();
    while (loop.poll() > 0) loop.restart();
  }
  void pass(Duration time) {
    clock.advance(time);
    settle();
  }
  // Turns the loop until it is so; false: not within ten seconds.
  bool until(const std::function<bool()>& so) {
    for (int i = 0; i < 10'000 && !so(); ++i) {
      loop.restart();
      loop.run_one_for(std::chrono::milliseconds(1));
    }
    return so();
  }
};

}  // namespace sluice::identity::test
