#include "plugins/smp/driver.hpp"

#include <gtest/gtest.h>

#include <map>

#include "plugins/smp/report.hpp"
#include "tests/unit/smp/bench.hpp"

namespace sluice::smp::test {
namespace {

using adapter::Answer;
using adapter::Json;

// The gateway as the driver saw it; attaches whoever asks unless told otherwise.
class RecordedGateway final : public adapter::Gateway {
 public:
  void attach(const adapter::Device& who, std::function<void(Answer)> done) override {
    attached.push_back(who);
    done(refusal.value_or(adapter::yes()));
  }
  void detach(std::string_view, std::string_view) override {}
  bool publish(std::string_view who, std::string_view topic, std::string_view payload,
               std::function<void(const adapter::Published&)> done, std::string_view) override {
    published.push_back({std::string(who), std::string(topic), Json::parse(payload)});
    done({true, 0, ""});
    return true;
  }
  std::size_t unacknowledged() const override { return 0; }
  void on_room(std::function<void()>) override {}
  void health(std::string_view state, std::string_view text) override {
    healths.push_back(std::string(state) + ": " + std::string(text));
  }
  void counter(std::string_view name, std::uint64_t value) override { counters[std::string(name)] = value; }
  void device_state(std::string_view, std::string_view state) override { device = state; }
  void log(int, std::string_view) override {}
  void quit(int, std::string_view) override {}

  struct Reading {
    std::string device, topic;
    Json payload;
  };
  std::vector<adapter::Device> attached;
  std::vector<Reading> published;
  std::vector<std::string> healths;
  std::map<std::string, std::uint64_t> counters;
  std::string device;
  std::optional<Answer> refusal;
};

struct SmpDriver : testing::Test {
  SmpDriver() : device(clock, {}, factory_image(), faults), port(device, faults, 1, false) { start(); }
  ~SmpDriver() override {
    driver->stop([] {});
    run_for(10s);  // what was under way ends
  }

  // As when the daemon starts the adapter, also anew.
  void start() {
    if (driver) {
      driver->stop([] {});
      run_for(10s);
    }
    Settings settings;
    settings.device = "th-1";
    settings.model = "th-100";
    settings.hardware = "B";
    settings.topic = "d/th-1/firmware";
    settings.poll = 30s;
    driver = std::make_unique<Driver>(adapter::House{loop, clock, gateway}, settings,
                                      std::make_unique<MemoryLine>(clock, port), Log());
    driver->start();
    run_for(2s);
  }
  void run_for(Duration time) {
    for (Duration past{}; past < time; past += 1ms) {
      loop.restart();
      loop.poll();
      clock.advance(1ms);
    }
  }
  Answer call(std::string_view operation, Json arguments, std::string_view bytes = {},
              std::uint64_t offset = 0, std::string_view for_device = "th-1") {
    std::optional<Answer> answer;
    adapter::Call call;
    call.operation = operation;
    call.device = for_device;
    call.arguments = std::move(arguments);
    call.deadline_ms = 600'000;
    if (operation == "write") {
      call.update = "u1";
      call.bytes = bytes;
      call.offset = offset;
    }
    driver->call(call, [&](Answer a) { answer.emplace(std::move(a)); });
    for (int i = 0; i < 600'000 && !answer; ++i) {
      loop.restart();
      loop.poll();
      if (!answer) clock.advance(1ms);
    }
    return answer.value_or(adapter::no("no answer", ""));
  }
  Json begin_of(const std::string& image) {
    return {{"update", "u1"},
            {"size", image.size()},
            {"sha256", hex(sha256(image))},
            {"version", "1.1.0"},
            {"hash", hex(hash_of(image))}};
  }
  // As the daemon does it; ends at the size or at the first refusal.
  Answer send(const std::string& image, int most_writes = 1000) {
    auto answer = call("begin", begin_of(image));
    while (answer.ok() && answer.value["offset"] != image.size() && most_writes-- > 0) {
      const std::uint64_t at = answer.value["offset"];
      offsets.push_back(at);
      answer = call("write", nullptr, std::string_view(image).substr(at, 4096), at);
    }
    return answer;
  }

  boost::asio::io_context loop{1};
  sluice::test::VirtualClock clock;
  Faults faults;
  Device device;
  DevicePort port;
  RecordedGateway gateway;
  std::unique_ptr<Driver> driver;
  std::vector<std::uint64_t> offsets;
};

TEST_F(SmpDriver, AttachesTheDeviceWithItsFirmwareAndPublishesItsImages) {
  ASSERT_EQ(gateway.attached.size(), 1U);
  const auto& as = gateway.attached[0];
  EXPECT_EQ(as.id, "th-1");
  EXPECT_EQ(as.model, "th-100");
  EXPECT_EQ(as.firmware, "1.0.0");
  EXPECT_EQ(as.capabilities["class"], "A");
  EXPECT_EQ(as.capabilities["update"], true);
  EXPECT_EQ(as.capabilities["slots"][0]["hash"], hex(hash_of(factory_image())));
  ASSERT_EQ(gateway.published.size(), 1U);
  EXPECT_EQ(gateway.published[0].topic, "d/th-1/firmware");
  EXPECT_EQ(gateway.published[0].payload["active"]["version"], "1.0.0");
  EXPECT_EQ(gateway.published[0].payload["active"]["confirmed"], true);
  run_for(120s);
  EXPECT_EQ(gateway.published.size(), 1U) << "what has not changed is not said again";
}

TEST_F(SmpDriver, AnswersAWholeUpdate) {
  const auto hash = hex(hash_of(new_image()));
  const auto probe = call("probe", Json::object());
  ASSERT_TRUE(probe.ok()) << probe.text;
  EXPECT_EQ(probe.value["class"], "A");
  EXPECT_EQ(probe.value["max_chunk"], 4096);
  EXPECT_EQ(probe.value["active"]["version"], "1.0.0");
  const auto sent = send(new_image());
  ASSERT_TRUE(sent.ok()) << sent.text;
  EXPECT_EQ(call("verify", {{"update", "u1"}}).value, (Json{{"verified", true}, {"hash", hash}}));
  EXPECT_TRUE(call("activate", {{"update", "u1"}, {"hash", hash}, {"trial", true}}).ok());
  EXPECT_TRUE(call("restart", Json::object()).ok());
  run_for(10s);
  EXPECT_EQ(call("probe", Json::object()).value["active"],
            (Json{{"version", "1.1.0"}, {"hash", hash}, {"confirmed", false}}));
  EXPECT_EQ(call("confirm", {{"update", "u1"}, {"hash", hash}}).value, (Json{{"confirmed", true}}));
  run_for(40s);
  EXPECT_EQ(gateway.attached.back().firmware, "1.1.0");
  EXPECT_EQ(gateway.published.back().payload["active"]["confirmed"], true);
}

TEST_F(SmpDriver, RevertGoesBackToTheOldImageAndTwiceIsOnce) {
  const auto hash = hex(hash_of(new_image()));
  ASSERT_TRUE(send(new_image()).ok());
  ASSERT_TRUE(call("activate", {{"update", "u1"}, {"hash", hash}}).ok());
  ASSERT_TRUE(call("restart", Json::object()).ok());
  run_for(10s);
  ASSERT_TRUE(call("revert", {{"update", "u1"}}).ok());
  run_for(10s);
  EXPECT_EQ(call("probe", Json::object()).value["active"]["version"], "1.0.0");
  ASSERT_TRUE(call("revert", {{"update", "u1"}}).ok());
  run_for(10s);
  EXPECT_EQ(device.counters().boots, 2U);
  EXPECT_EQ(call("verify", {{"update", "u1"}}).value, (Json{{"verified", true}, {"hash", hash}}))
      << "it is in the second slot again";
}

TEST_F(SmpDriver, RevertRefusesAConfirmedImage) {
  const auto hash = hex(hash_of(new_image()));
  ASSERT_TRUE(send(new_image()).ok());
  ASSERT_TRUE(call("activate", {{"update", "u1"}, {"hash", hash}}).ok());
  EXPECT_EQ(call("revert", {{"update", "u1"}}).error, "permanent") << "pending";
  ASSERT_TRUE(call("restart", Json::object()).ok());
  run_for(10s);
  ASSERT_TRUE(call("confirm", {{"update", "u1"}, {"hash", hash}}).ok());
  EXPECT_EQ(call("revert", {{"update", "u1"}}).error, "permanent");
}

TEST_F(SmpDriver, GoesOnWhereTheDeviceIsAfterTheAdapterWasStartedAnew) {
  ASSERT_TRUE(send(new_image(), 4).ok());
  start();
  EXPECT_EQ(call("write", nullptr, std::string_view(new_image()).substr(0, 100), 0).error, "transient")
      << "begin first";
  offsets.clear();
  ASSERT_TRUE(send(new_image()).ok());
  ASSERT_GE(offsets.size(), 2U);
  EXPECT_EQ(offsets[0], 0U);
  EXPECT_GT(offsets[1], 12'000U);
  EXPECT_EQ(device.counters().uploads, 1U);
  EXPECT_EQ(device.bootloader().secondary(), new_image());
}

TEST_F(SmpDriver, AnUpdateThatIsThereNeedsNoWrite) {
  ASSERT_TRUE(send(new_image()).ok());
  offsets.clear();
  ASSERT_TRUE(send(new_image()).ok());
  EXPECT_TRUE(offsets.empty());
}

TEST_F(SmpDriver, SendsTheDaemonBackWhenTheDeviceHasLostTheUpload) {
  faults.forget_at_chunk = 30;
  ASSERT_TRUE(send(new_image()).ok());
  EXPECT_EQ(std::count(offsets.begin(), offsets.end(), 0U), 2);
  EXPECT_EQ(device.bootloader().secondary(), new_image());
}

TEST_F(SmpDriver, TellsSilenceAndComesBack) {
  faults.silent = true;
  run_for(60s);
  EXPECT_EQ(gateway.device, "offline");
  EXPECT_EQ(gateway.healths.back().substr(0, 8), "degraded");
  EXPECT_EQ(call("probe", Json::object()).error, "lost");
  EXPECT_EQ(call("verify", {{"update", "u1"}}).error, "transient");
  faults.silent = false;
  run_for(60s);
  EXPECT_EQ(gateway.device, "online");
  EXPECT_EQ(gateway.healths.back(), "ok: ");
}

TEST_F(SmpDriver, AttachesAgainWhenItWasDetached) {
  driver->detached("th-1", "token", "");
  run_for(40s);
  EXPECT_EQ(gateway.attached.size(), 2U);
}

TEST_F(SmpDriver, RefusesWhatIsNotItsOwnOrNotOfTheContract) {
  EXPECT_EQ(call("probe", Json::object(), {}, 0, "other").error, "not_attached");
  EXPECT_EQ(call("paint", Json::object()).error, "unsupported");
  EXPECT_EQ(call("begin", {{"update", "u1"}, {"size", -1}}).error, "permanent");
  EXPECT_EQ(call("activate", {{"hash", "xyz"}}).error, "permanent");
  EXPECT_EQ(call("confirm", Json::array()).error, "permanent");
  EXPECT_EQ(call("begin", {{"update", 7}}).error, "permanent");
  const std::string text(5000, 'x');
  auto begin = begin_of(new_image());
  begin["size"] = text.size();
  ASSERT_TRUE(call("begin", begin).ok());
  EXPECT_EQ(call("write", nullptr, text.substr(0, 100), 0).error, "incompatible");
  EXPECT_EQ(call("write", nullptr, text, 0).error, "permanent") << "larger than max_chunk";
}

TEST(SmpSettings, TakeASerialLineOrAnAddress) {
  Json section{{"device", "th-1"},      {"topic", "d/{device}/fw"}, {"poll", 5000}, {"reply_timeout", 1000},
               {"erase_timeout", 9000}, {"max_message", 0},         {"baud", 9600}, {"udp_port", 1337}};
  EXPECT_FALSE(settings_of(section));
  section["port"] = "/dev/ttyUSB0";
  const auto serial = settings_of(section);
  ASSERT_TRUE(serial) << serial.error().text;
  EXPECT_EQ(serial->serial->baud, 9600U);
  EXPECT_EQ(serial->topic, "d/th-1/fw");
  section["address"] = "192.0.2.1";
  EXPECT_FALSE(settings_of(section));
  section.erase("port");
  EXPECT_EQ(settings_of(section)->udp_port, 1337);
  section["max_message"] = 100;
  EXPECT_FALSE(settings_of(section));
}

TEST(SmpReport, ReadsHashesInHexadecimalOnly) {
  EXPECT_EQ(hash_of_hex("00ff"), std::string("\0\xFF", 2));
  for (const auto* bad : {"", "0", "0g", "+1", " 1", "0x"}) EXPECT_FALSE(hash_of_hex(bad)) << bad;
}

}  // namespace
}  // namespace sluice::smp::test
