// Ingest with a store in memory, for the tests of this room.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ingest/ingest.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::ingest::test {

inline RouteOptions to(std::string match, std::string topic) {
  RouteOptions route;
  route.match = std::move(match);
  route.to = std::move(topic);
  return route;
}

inline RouteOptions ending(std::string match, RouteOptions::Action action) {
  RouteOptions route;
  route.match = std::move(match);
  route.action = action;
  return route;
}

class WithRoutes : public testing::Test {
 protected:
  WithRoutes() { options_.thing = "gw"; }

  void start(std::vector<RouteOptions> routes) {
    options_.routes = std::move(routes);
    ingest_ = make_ingest(options_, store_, clock_, log());
    device_ = device("dev-1", "thermo");
  }
  void reload(std::vector<RouteOptions> routes) {
    options_.routes = std::move(routes);
    ingest_->replace_routes(options_);
  }
  DeviceRef device(const std::string& id, const std::string& product) {
    return {.id = id, .product = product, .name = store_.name_id(id), .lane = kGatewayLane};
  }
  Offer offer(std::string_view topic, std::string_view payload = "x") {
    return ingest_->offer(
        device_, {.topic = topic, .payload = payload, .content_type = {}, .user_properties = {}, .qos = 1});
  }
  // What waits for the cloud in a lane, in the order of sending.
  store::Batch queued(LaneId lane = kGatewayLane, Priority priority = 5) {
    store_.commit();
    store::Batch batch;
    store_.read({.lane = lane, .priority = priority}, 1 << 24,
                [&](result<store::Batch> read) { batch = std::move(*read); });
    poll();
    return batch;
  }
  std::string last_topic() {
    const auto batch = queued();
    return batch.records.empty() ? "" : std::string(batch.records.back().topic);
  }
  std::vector<store::DeadLetter> letters() {
    store_.commit();
    std::vector<store::DeadLetter> found;
    store_.dead_letters(0, 1000,
                        [&](result<std::vector<store::DeadLetter>> read) { found = std::move(*read); });
    poll();
    return found;
  }
  std::uint64_t ledger(LedgerReason reason) {
    store_.commit();
    std::uint64_t count = 0;
    for (const auto& row : store_.ledger()) count += row.reason == reason ? row.count : 0;
    return count;
  }
  // accepted = delivered + queued + ledger
  void expect_balanced() {
    store_.commit();
    const auto totals = store_.totals();
    std::uint64_t ended = 0;
    for (const auto& row : store_.ledger()) ended += row.count;
    EXPECT_EQ(totals.accepted, totals.delivered + totals.queued + ended);
  }
  std::uint64_t counter(const std::string& route, const std::string& name) {
    const auto status = ingest_->status();
    for (const auto& row : status["routes"]) {
      if (row["name"] == route) return row[name];
    }
    ADD_FAILURE() << "no route " << route << " in " << status.dump();
    return 0;
  }
  void poll() {
    loop_.restart();
    loop_.poll();
  }
  Log log() {
    return {std::make_shared<const Log::Sink>(
                [this](Level, std::string_view, std::string_view line) { lines_.emplace_back(line); }),
            "ingest"};
  }

  boost::asio::io_context loop_;
  sluice::test::VirtualClock clock_;
  sluice::test::MemoryStore store_{loop_, clock_};
  Options options_;
  std::vector<std::string> lines_;
  DeviceRef device_;
  std::unique_ptr<Ingest> ingest_;
};

}  // namespace sluice::ingest::test
