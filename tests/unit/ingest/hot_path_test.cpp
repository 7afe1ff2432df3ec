// A warm hot path takes no memory: counted at operator new.
#include <gtest/gtest.h>

#if !__has_feature(thread_sanitizer)  // which brings an operator new of its own

#include <cstdlib>
#include <new>

#include "ingest/ingest.hpp"
#include "tests/support/virtual_clock.hpp"
#include "tests/unit/ingest/silent_store.hpp"

namespace {
std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace sluice::ingest {
namespace {

TEST(TheHotPath, AllocatesNothingOnceItIsWarm) {
  test::SilentStore store;
  sluice::test::VirtualClock clock;
  Options options;
  options.thing = "gw";
  options.routes.emplace_back().match = "d/+/alarm";
  options.routes.back().to = "dt/{product}/{device}/alarm";
  options.routes.emplace_back().match = "d/+/temp/#";
  options.routes.back().to = "dt/{product}/{device}/temp/{2}";
  const auto ingest = make_ingest(options, store, clock, {});
  const DeviceRef device{
      .id = "a-device-with-a-name-that-is-not-short", .product = "thermo", .name = 7, .lane = 0};
  std::vector<std::string> topics;
  for (int i = 0; i < 1000; ++i) topics.push_back("d/a-device/temp/sensor-number-" + std::to_string(i));
  const std::string type = "application/json", user("\x26\x00\x01k\x00\x01v", 7);
  const auto round = [&] {
    for (const auto& topic : topics) {
      ingest->offer(
          device,
          {.topic = topic, .payload = "20.5", .content_type = type, .user_properties = user, .qos = 1});
    }
  };
  round();
  const auto before = allocations;
  for (int i = 0; i < 10; ++i) round();
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(store.appended, 11'000U);
}

}  // namespace
}  // namespace sluice::ingest

#endif
