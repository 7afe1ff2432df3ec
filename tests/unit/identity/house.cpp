#include "tests/unit/identity/house.hpp"

#include <algorithm>
#include <fstream>

#include "identity/record.hpp"

namespace sluice::identity::test {

House::House() : store(loop, clock), registry(loop), cloud(loop) {
  store.commit_by_itself(true);
  options.thing = "gw-1";
  options.store.directory = scratch.path();
  options.products.push_back({.name = "meter",
                              .identity = ProductOptions::Identity::own,
                              .may_publish = {"m/{device}/#"},
                              .may_subscribe = {},
                              .limits = {}});
  options.products.push_back({.name = "plain",
                              .identity = ProductOptions::Identity::gateway,
                              .may_publish = {"p/#"},
                              .may_subscribe = {},
                              .limits = {}});
  options.devices = {};
  options.cloud.endpoint = "data.example";
  auto& provisioning = options.cloud.provisioning;
  provisioning.url = "https://cvm.example/";
  provisioning.token_file = write("gateway.token", "gateway-token\n");
  provisioning.at_once = 1;
  provisioning.per_second = 100;
  provisioning.fleet_template = "sluice";
  provisioning.issuer.certificate = write("issuer.crt", cloud.ca.certificate);
  provisioning.issuer.key = write("issuer.key", cloud.ca.key);
  cloud.tokens = {{"gw-1", "gateway-token"}, {"m1", "token-m1"}, {"m2", "token-m2"}, {"m3", "token-m3"}};
  use(ProvisioningOptions::Method::cvm);
}

House::~House() {
  room.reset();
  settle();
}

void House::use(ProvisioningOptions::Method method) {
  options.cloud.provisioning.method = method;
  cloud.awslabs = method == ProvisioningOptions::Method::awslabs;
  cloud.registers_at_contact = method == ProvisioningOptions::Method::own_ca;
}

std::filesystem::path House::write(const std::string& name, std::string_view text) const {
  const auto path = scratch.path() / name;
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  std::filesystem::permissions(path,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return path;
}

result<void> House::try_start() {
  auto sink = [this](Level, std::string_view, std::string_view line) { log.emplace_back(line); };
  const Log lines(std::make_shared<const Log::Sink>(sink), "identity", Level::debug);
  auto made =
      make_identities(options, loop, clock, store, registry, cloud.doors(), lines, FailPoints(failpoints));
  if (!made) return made.error();
  room = std::move(*made);
  room->on_turned_away(
      [this](const std::string& id, const std::string& why) { turned_away.emplace_back(id, why); });
  room->start();
  return {};
}

void House::start() {
  const auto started = try_start();
  if (!started) FAIL() << started.error().text;
}

void House::kill() {
  cloud.forget_doors();
  room.reset();
  settle();
  registry.dies_at = 0;
  cloud.lanes.clear();
}

void House::restart() {
  kill();
  start();
}

bool House::until(const std::function<bool()>& so, Duration at_most, Duration step) {
  const auto end = clock.now() + at_most;
  int idle = 0;  // milliseconds, real ones
  while (clock.now() < end) {
    clock.advance(0ns);
    if (settle()) idle = 0;
    if (so()) return true;
    if (room && room->status()["under_way"] != 0 && idle < 1000) {
      // A worker has it, or a timer: real time passes for the one, about as much for the other.
      loop.restart();
      const bool ran = loop.run_one_for(std::chrono::milliseconds(1)) != 0;
      idle = ran ? 0 : idle + 1;
      if (!ran) clock.advance(1ms);
    } else {
      clock.advance(step);
    }
    if (registry.dead()) return so();
  }
  return so();
}

bool House::settle() {
  bool ran = false;
  for (int quiet = 0; quiet < 3;) {
    loop.restart();
    quiet = loop.poll() == 0 ? quiet + 1 : 0;
    ran = ran || quiet == 0;
  }
  return ran;
}

void House::pass(Duration time) {
  const auto end = clock.now() + time;
  until([&] { return clock.now() >= end; }, time + 1s, std::clamp<Duration>(time / 10'000, 50ms, 10s));
}

void House::knock(const std::string& id, const std::string& token, bool proven) {
  room->admit({.id = id, .product = "meter", .token = Secret(std::string_view(token)), .proven = proven},
              [this](Admission admission) { admissions.push_back(std::move(admission)); });
}

std::optional<Admission> House::admit(const std::string& id, const std::string& token, bool proven) {
  const auto before = admissions.size();
  knock(id, token, proven);
  if (!until([&] { return admissions.size() > before; }, 1min)) return {};
  return admissions.back();
}

nlohmann::json House::shown(const std::string& id) {
  return id.empty() ? room->status()["gateway"] : room->identities().value(id, nlohmann::json::object());
}

std::string House::state(const std::string& id) { return shown(id).value("state", std::string()); }

void House::reading_waits(const std::string& id) {
  const auto appended = store.append({.lane = lane(id),
                                      .priority = 5,
                                      .device = store.name_id(id),
                                      .route = 0,
                                      .ttl = store::kNever,
                                      .topic = "m/x",
                                      .payload = "21.5",
                                      .properties = {}});
  ASSERT_TRUE(appended);
  settle();
}

std::uint64_t House::ledger(LedgerReason reason) {
  pass(1s);  // what leaves by a policy is written with the next commit
  std::uint64_t count = 0;
  for (const auto& row : store.ledger()) count += row.reason == reason ? row.count : 0;
  return count;
}

result<void> House::told(const std::function<void(Done)>& command) {
  std::optional<result<void>> answer;
  command([&answer](result<void> done) { answer = std::move(done); });
  until([&] { return answer.has_value(); }, 1min);
  return answer ? *answer : result<void>(Error{errc::timeout, "the command has not answered"});
}

std::string House::row(const std::string& id) const {
  const auto it = registry.rows.find({kIdentitySpace, id.empty() ? std::string(kGatewayRow) : id});
  return it == registry.rows.end() ? std::string() : it->second;
}

bool House::logged(std::string_view text) const {
  for (const auto& line : log) {
    if (line.find(text) != line.npos) return true;
  }
  return false;
}

void InHouse::active(const std::string& id) {
  house.start();
  if (!id.empty()) house.knock(id, "token-" + id);
  ASSERT_TRUE(house.until([&] { return house.up(id) && house.up(""); }));
}

}  // namespace sluice::identity::test
