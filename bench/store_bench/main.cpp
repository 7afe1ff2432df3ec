// How fast the store takes readings, and what it writes for them: store-bench DIRECTORY [READINGS [LANES
// [drain]]]. `drain` also reads everything back and acknowledges it, as a cloud without quotas would.
// DIRECTORY is made anew.
#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "store/store.hpp"

namespace {

using namespace sluice;

long resident_kb() {
  long size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * 4;
}

struct Bench {
  Bench(store::Store& s, std::size_t lanes)
      : store(s), cursors(lanes, s.next_id() - 1), reading(lanes), again(lanes) {}

  // One reader per lane: what was announced while it read is read next.
  void drain(LaneId lane) {
    again[lane] = reading[lane];
    if (reading[lane]) return;
    reading[lane] = true;
    store.read({.lane = lane, .priority = 5, .after = cursors[lane]}, 256 << 10,
               [this, lane](result<store::Batch> batch) {
                 reading[lane] = false;
                 if (!batch) return;
                 std::vector<store::RecordKey> keys;
                 for (const auto& record : batch->records) keys.push_back(record.key);
                 if (!keys.empty()) cursors[lane] = keys.back().id;
                 store.delivered(keys);
                 if (batch->more || again[lane]) drain(lane);
               });
  }

  store::Store& store;
  std::vector<std::uint64_t> cursors;
  std::vector<bool> reading, again;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  const long readings = argc > 2 ? std::atol(argv[2]) : 2'000'000;
  const auto lanes = static_cast<LaneId>(argc > 3 ? std::max(1, std::atoi(argv[3])) : 1);
  const bool drain = argc > 4;
  boost::asio::io_context loop{1};
  const auto clock = make_system_clock(loop);
  store::StoreOptions options;
  options.directory = argv[1];
  options.max_bytes = 1ULL << 40;
  std::filesystem::remove_all(options.directory);
  auto opened = store::open_store(options, loop, *clock, make_stderr_log(Level::info));
  if (!opened) {
    fmt::print(stderr, "{}\n", opened.error().text);
    return 73;
  }
  auto& store = *opened->store;
  Bench bench(store, lanes);
  long sent = 0;
  store.on_committed([&](Ticket ticket, std::span<const LaneId> fresh) {
    for (const auto lane : fresh) {
      if (drain) bench.drain(lane);
    }
    if (sent == readings && ticket >= store.ticket()) loop.stop();
  });
  const std::string payload(200, 'x');
  std::function<void()> pump = [&] {
    for (int i = 0; i < 100 && sent < readings && !store.pressure(); ++i, ++sent) {
      if (!store.append({.lane = static_cast<LaneId>(sent % lanes),
                         .priority = 5,
                         .device = 7,
                         .route = 3,
                         .topic = "dt/thermo/device-0001/temp",
                         .payload = payload,
                         .properties = {}})) {
        std::abort();
      }
    }
    if (sent < readings) boost::asio::post(loop, pump);
  };
  const auto began = clock->now();
  pump();
  loop.run();
  const double seconds = std::chrono::duration<double>(clock->now() - began).count();
  const auto h = store.health();
  fmt::print(
      "readings {} seconds {:.2f} per_second {:.0f} commits {} commit_ms_p50 {:.1f} commit_ms_p99 {:.1f} "
      "written_mb {:.1f} delivered {} resident_kb {}\n",
      readings, seconds, static_cast<double>(readings) / seconds, h.commits, h.commit_ms_p50, h.commit_ms_p99,
      static_cast<double>(h.written_bytes) / 1e6, store.totals().delivered, resident_kb());
  return 0;
}
