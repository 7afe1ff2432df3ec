#include "tests/unit/store/house.hpp"

#include "store/sqlite.hpp"

namespace sluice::test {

using namespace store;

result<void> House::try_open() {
  store.reset();
  const auto sink = std::make_shared<const Log::Sink>(
      [this](Level, std::string_view, std::string_view line) { log_lines.emplace_back(line); });
  auto opened = open_store(options, loop, clock, Log(sink, "store", Level::debug));
  if (!opened) return opened.error();
  store = std::move(opened->store);
  trouble = opened->trouble;
  store->on_committed([this](Ticket ticket, std::span<const LaneId>) {
    if (on_commit) on_commit(ticket);
  });
  store->on_failed([this](const Error& error) { failures.push_back(error); });
  store->on_relieved([this] { ++relieved; });
  return {};
}

void House::open() {
  const auto opened = try_open();
  ASSERT_TRUE(opened) << opened.error().text;
}

void House::turn() {
  loop.restart();
  loop.run();
}

void House::settle() {
  turn();
  clock.advance(250ms);
  turn();
}

void House::rest() {
  settle();
  for (int i = 0; i < 4; ++i) {
    clock.advance(1100ms);
    turn();
  }
}

Ticket House::add(std::string_view payload, LaneId lane, Priority priority, StoreSeconds ttl) {
  const auto ticket = store->append({.lane = lane,
                                     .priority = priority,
                                     .device = 1 + lane,
                                     .route = 2,
                                     .ttl = ttl,
                                     .topic = "dt/x",
                                     .payload = payload,
                                     .properties = {}});
  return ticket ? *ticket : 0;
}

std::vector<RecordKey> House::keys(LaneId lane, Priority priority, std::uint64_t after) {
  std::vector<RecordKey> all;
  bool more = true;
  while (more) {
    more = false;
    store->read({.lane = lane, .priority = priority, .after = after}, 1 << 20, [&](result<Batch> batch) {
      if (!batch) return;
      for (const auto& r : batch->records) all.push_back(r.key);
      if (!batch->records.empty()) {
        after = batch->records.back().key.id;
        more = batch->more;
      }
    });
    turn();
  }
  return all;
}

std::vector<std::string> House::payloads(LaneId lane, Priority priority) {
  std::vector<std::string> all;
  std::uint64_t after = 0;
  bool more = true;
  while (more) {
    more = false;
    store->read({.lane = lane, .priority = priority, .after = after}, 1 << 20, [&](result<Batch> batch) {
      ASSERT_TRUE(batch) << batch.error().text;
      for (const auto& r : batch->records) {
        EXPECT_GT(r.key.id, after);
        after = r.key.id;
        all.emplace_back(r.payload);
      }
      more = batch->more && !batch->records.empty();
    });
    turn();
  }
  return all;
}

std::map<std::string, std::string> House::state(Space space) {
  std::map<std::string, std::string> all;
  const auto scanned = store->scan(space, [&](std::string_view k, std::string_view v) { all.emplace(k, v); });
  EXPECT_TRUE(scanned);
  return all;
}

std::uint64_t House::ledger(LedgerReason reason) const {
  std::uint64_t n = 0;
  for (const auto& row : store->ledger()) n += row.reason == reason ? row.count : 0;
  return n;
}

void House::expect_balance() const {
  std::uint64_t ended = 0;
  for (const auto& row : store->ledger()) ended += row.count;
  const auto t = store->totals();
  EXPECT_EQ(t.accepted, t.delivered + t.queued + ended);
}

std::string House::integrity() const {
  try {
    Database db(options.directory / "queue.db", SQLITE_OPEN_READWRITE,
                options.vfs.empty() ? nullptr : options.vfs.c_str());
    db.exec("PRAGMA locking_mode=EXCLUSIVE");
    return db.text("PRAGMA integrity_check");
  } catch (const SqlFailure& failure) {
    return failure.text;
  }
}

void Life::live(int rounds) {
  auto& s = *house_.store;
  std::map<Ticket, std::vector<std::string>> waiting;
  house_.on_commit = [&](Ticket ticket) {
    for (auto it = waiting.begin(); it != waiting.end() && it->first <= ticket; it = waiting.erase(it)) {
      for (const auto& line : it->second) tell_(line);
    }
  };
  for (int round = 0; round < rounds && house_.failures.empty(); ++round) {
    for (int i = 0; i < 3 + round % 5; ++i) {
      const auto payload =
          std::to_string(next_++) + std::string(static_cast<std::size_t>(round * 131 % 3000), '.');
      tell_("P " + payload.substr(0, payload.find('.')));
      const auto ticket =
          house_.add(payload, static_cast<LaneId>(i % 2), static_cast<Priority>(5 + i % 2 * 4));
      if (ticket != 0) waiting[ticket].push_back("A " + payload.substr(0, payload.find('.')));
    }
    tell_("T " + std::to_string(round));
    s.put(17, "version", std::to_string(round));
    waiting[s.ticket()].push_back("S " + std::to_string(round));
    s.name_id("name " + std::to_string(round));
    if (round % 3 == 2) s.count(1, LedgerReason::filtered, 10);
    house_.turn();
    if (round % 2 == 1) {
      // The uplink takes what it can get of one lane: most is delivered, one is dropped, one is set aside.
      std::vector<RecordKey> keys;
      std::vector<std::string> texts;
      s.read({.lane = 0, .priority = 5}, 3000, [&](result<Batch> batch) {
        if (!batch) return;
        for (const auto& r : batch->records) {
          keys.push_back(r.key);
          texts.emplace_back(r.payload.substr(0, r.payload.find('.')));
        }
      });
      house_.turn();
      for (std::size_t i = 0; i < keys.size(); ++i) {
        if (i % 4 == 3) continue;  // not acknowledged yet
        tell_("G " + texts[i]);
        const std::vector<RecordKey> one{keys[i]};
        if (i % 4 == 0) s.delivered(one);
        if (i % 4 == 1) s.drop(one, LedgerReason::refused);
        if (i % 4 == 2) s.set_aside(keys[i], "poison");
      }
      house_.settle();
    }
    if (round % 5 == 4) house_.rest();  // checkpoint
  }
  house_.on_commit = nullptr;
}

void Promises::hear(const std::string& line) {
  const auto rest = line.substr(2);
  switch (line[0]) {
    case 'P':
      appended.insert(rest);
      break;
    case 'A':
      announced.insert(rest);
      break;
    case 'G':
      given_up.insert(rest);
      break;
    case 'T':
      state_at_most = std::stoi(rest);
      break;
    case 'S':
      state_at_least = std::stoi(rest);
      break;
    default:
      break;
  }
}

void Promises::check(House& house) const {
  EXPECT_EQ(house.integrity(), "ok");
  const auto opened = house.try_open();
  ASSERT_TRUE(opened) << opened.error().text;
  EXPECT_EQ(house.trouble, "");
  house.expect_balance();
  std::multiset<std::string> queued;
  for (const auto& [lane, priority] : {std::pair<LaneId, Priority>{0, 5}, {1, 9}}) {
    for (const auto& p : house.payloads(lane, priority)) queued.insert(p.substr(0, p.find('.')));
  }
  EXPECT_EQ(queued.size(), house.store->totals().queued);
  for (const auto& p : announced) {
    EXPECT_TRUE(queued.contains(p) || given_up.contains(p))
        << "reading " << p << " was acknowledged and is lost";
  }
  for (const auto& p : queued) {
    EXPECT_TRUE(appended.contains(p)) << "reading " << p << " comes from nowhere";
    EXPECT_EQ(queued.count(p), 1U) << "reading " << p << " is there twice";
  }
  const auto state = house.state(17);
  const auto it = state.find("version");
  const int version = it == state.end() ? 0 : std::stoi(it->second);
  EXPECT_GE(version, state_at_least);
  EXPECT_LE(version, state_at_most);
  // And it works on.
  const auto before = house.store->totals().accepted;
  house.add("after", 0, 5);
  house.turn();
  EXPECT_EQ(house.store->totals().accepted, before + 1);
  house.expect_balance();
}

}  // namespace sluice::test
