// An uplink between a store in memory and a scripted cloud, in virtual time: what most tests of this folder
// start from.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/memory_store.hpp"
#include "tests/support/scripted_link.hpp"
#include "tests/support/virtual_clock.hpp"
#include "uplink/uplink.hpp"

namespace sluice::test {

class Commands final : public CommandSink {
 public:
  Ticket deliver(const Command& command) override {
    got.push_back(command);
    return ticket;
  }
  std::vector<Command> got;
  Ticket ticket = 0;
};

class UplinkTest : public ::testing::Test {
 protected:
  UplinkTest() {
    options.thing = "gw";
    options.cloud.endpoint = "cloud.example";
    store.commit_by_itself(true);
    store.on_committed([this](Ticket ticket, std::span<const LaneId> lanes) {
      if (uplink) uplink->committed(ticket, lanes);
    });
  }

  void start() {
    uplink = uplink::make_uplink(options, loop, clock, store, commands, log, cloud.links());
    uplink->add_lane(kGatewayLane, identity("gw"));
    settle();
  }
  static CloudIdentity identity(std::string thing, std::string certificate = {}) {
    CloudIdentity identity;
    identity.thing = std::move(thing);
    identity.tls = pem(std::move(certificate));
    return identity;
  }
  static TlsIdentity pem(std::string certificate) {
    TlsIdentity tls;
    if (!certificate.empty()) tls.key_pem = "the key of " + certificate;
    tls.certificate_pem = std::move(certificate);
    return tls;
  }
  // Everything that can happen without time passing.
  void settle() {
    for (int i = 0; i < 10'000; ++i) {
      loop.restart();
      if (loop.poll() == 0) return;
    }
    FAIL() << "the loop does not come to rest";
  }
  void pass(Duration time, Duration step = 10ms) {
    for (Duration gone{}; gone < time; gone += step) {
      clock.advance(std::min(step, time - gone));
      settle();
    }
  }
  // Until it is true, for at most so long; the time it took.
  template <typename Condition>
  Duration pass_until(Condition condition, Duration most = 30min, Duration step = 10ms) {
    const auto begin = clock.now();
    while (!condition() && clock.now() - begin < most) pass(step, step);
    EXPECT_TRUE(condition()) << "still not after " << most.count() / 1'000'000'000 << " s";
    return clock.now() - begin;
  }
  void say(const std::string& payload, const std::string& topic = "t", LaneId lane = kGatewayLane,
           Priority priority = 5, const std::string& route = "r", const std::string& device = "d") {
    store::Append append;
    append.lane = lane;
    append.priority = priority;
    append.device = store.name_id(device);
    append.route = store.name_id(route);
    append.topic = topic;
    append.payload = payload;
    append.properties = properties;
    ASSERT_TRUE(store.append(append).has_value());
  }
  void say_many(int count, const std::string& prefix = "", LaneId lane = kGatewayLane,
                Priority priority = 5) {
    for (int i = 0; i < count; ++i) say(prefix + std::to_string(i), "t", lane, priority);
  }
  std::vector<std::string> payloads() const {
    std::vector<std::string> out;
    for (const auto& r : cloud.received) out.push_back(r.payload);
    return out;
  }
  std::uint64_t delivered() const { return store.totals().delivered; }
  std::uint64_t queued() const { return store.totals().queued; }
  std::uint64_t dead_letters() const { return store.totals().dead_letters; }
  nlohmann::json lane(std::size_t n = 0) { return uplink->status()["lanes"][n]; }
  std::string state(std::size_t n = 0) { return lane(n)["state"]; }
  std::string error(std::size_t n = 0) { return lane(n)["error"]; }

  boost::asio::io_context loop;
  VirtualClock clock;
  MemoryStore store{loop, clock};
  Commands commands;
  ScriptedCloud cloud{loop, clock};
  Options options;
  Log log;
  std::string properties;
  std::unique_ptr<uplink::Uplink> uplink;
};

}  // namespace sluice::test
