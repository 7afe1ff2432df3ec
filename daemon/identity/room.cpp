#include "identity/room.hpp"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <exception>

#include "identity/sealing_key.hpp"

namespace sluice::identity {
namespace {

constexpr Duration kLookAtAges = 10min;
// First connections: AWS takes far more, a small gateway's CPU does not.
constexpr unsigned kProofsAtOnce = 8;
constexpr double kProofsPerSecond = 20;
constexpr std::string_view kSealText = "sluice";

BackoffLimits backoff_of(const Options& options) {
  const auto& provisioning = options.cloud.provisioning;
  return {.first = provisioning.backoff_first, .most = provisioning.backoff_most, .well_after = 30s};
}

}  // namespace

std::string Identities::gateway() { return std::string(kGatewayRow); }

Room::Room(const Options& options, Ground ground)
    : options_(options), ground_(std::move(ground)), ages_(ground_.clock) {
  // Without random bytes nothing here can be trusted.
  if (RAND_bytes(mark_key_.data(), static_cast<int>(mark_key_.size())) != 1) std::terminate();
}

Room::~Room() {
  *alive_ = false;
  for (auto& [id, list] : waiting_) {
    for (auto& waiting : list) ground_.clock.cancel(waiting.deadline);
  }
  ground_.vendor.reset();  // before the lives that it would answer
}

void Room::stop() {
  stopped_ = true;
  ages_.cancel();
  std::vector<std::string> asking;
  asking.reserve(waiting_.size());
  for (const auto& [id, list] : waiting_) asking.push_back(id);
  for (const auto& id : asking) answer_waiting(id, {Admission::Kind::unavailable, "the gateway is stopping"});
  ground_.vendor.reset();
  by_lane_.clear();
  lives_.clear();
}

result<void> Room::restore() {
  return ground_.registry.scan(kIdentitySpace, [this](std::string_view key, std::string_view row) {
    if (key == kSealRow) return;
    auto record = from_row(key, row);
    if (!record) {
      // Fail closed: it is nobody until somebody looks.
      ground_.log.error("{}", record.error().text);
      unreadable_.push_back(record.error().text);
      return;
    }
    const std::string id(key);
    add(id, id == kGatewayRow ? kGatewayLane : ground_.store.name_id(id), std::move(*record));
  });
}

Life* Room::find(const std::string& id) const {
  const auto it = lives_.find(id);
  return it == lives_.end() ? nullptr : it->second.get();
}

Life& Room::add(const std::string& id, LaneId lane, Record record) {
  auto& life = lives_[id] = std::make_unique<Life>(ground_, id, lane, std::move(record));
  by_lane_[lane] = life.get();
  life->changed = [this](Life& which, State before) { changed(which, before); };
  life->turned_away = [this](Life& which) { sent_away(which); };
  if (id != kGatewayRow && !life->record().judged && unproven(life->state())) unjudged_.insert(id);
  return *life;
}

result<Life::Change> Room::renewed(const std::string& id, const std::string& product,
                                   const Secret& token) const {
  std::string sealed;
  if (!token.empty()) {
    auto closed = ground_.seal.close(id, "token", token.text());
    if (!closed) return closed.error();
    sealed = std::move(*closed);
  }
  return Life::Change([product, sealed](Record& record) {
    record.product = product;
    record.sealed_token = sealed;
    record.present = {};
    record.next = {};
    record.judged = false;
    record.forget = false;
    record.why.clear();
  });
}

result<Life*> Room::create(const std::string& id, const std::string& product, const Secret& token,
                           Done written) {
  auto change = renewed(id, product, token);
  if (!change) return change.error();
  Record record;
  (*change)(record);
  auto& life = add(id, id == kGatewayRow ? kGatewayLane : ground_.store.name_id(id), std::move(record));
  if (id != kGatewayRow) asking_[id] = mark(id, token);
  life.begin(std::move(written));
  return &life;
}

void Room::start() {
  std::vector<std::string> ids;
  ids.reserve(lives_.size());
  for (const auto& [id, life] : lives_) ids.push_back(id);
  for (const auto& id : ids) {
    if (auto* life = find(id)) {
      // A kill between a refusal and the commit that drops what waited: nobody else would.
      if (leaves(life->state())) ground_.store.drop_lane(life->lane(), LedgerReason::refused);
      life->resume();
      if (life->state() == State::gone && life->record().forget) {
        erase(id);
        continue;
      }
      if (life->state() == State::refused) remember_refused(*life);
    }
  }
  start_gateway();
  ages_.start(kLookAtAges, [this] { look_at_ages(); });
}

// The gateway asks for itself the same way; its token is in a file that stays where it is.
void Room::start_gateway() {
  auto* life = find(gateway());
  if (life != nullptr && life->state() != State::refused) return;
  Secret token;
  const auto& file = options_.cloud.provisioning.token_file;
  if (!file.empty()) {
    auto read = read_secret_file(file, "the gateway's access token", true);
    if (!read) {
      ground_.log.error("{}", read.error().text);
      unreadable_.push_back(read.error().text);
      return;
    }
    token = std::move(*read);
  }
  if (life == nullptr) {
    if (auto made = create(gateway(), "", token, {}); !made) ground_.log.error("{}", made.error().text);
  } else if (auto change = renewed(gateway(), "", token)) {
    life->happen(Event::again, *change);
  }
}

void Room::reload(const Options& options) {
  const auto& before = options_.cloud.provisioning;
  const auto& now = options.cloud.provisioning;
  if (before.method != now.method || before.url != now.url || before.seal.with != now.seal.with ||
      before.claim != now.claim || before.fleet_template != now.fleet_template ||
      before.issuer.certificate != now.issuer.certificate || before.ca != now.ca) {
    ground_.log.warn(
        "cloud.provisioning: another method, service or sealing key counts from the next start on");
  }
  options_ = options;
  if (stopped_) return;
  ground_.requests->limit(now.at_once, now.per_second);
  ground_.backoff = backoff_of(options);
  start_gateway();
}

void Room::trouble(LaneId lane, errc code, const std::string& words) {
  const auto it = by_lane_.find(lane);
  if (it == by_lane_.end()) return;
  // A bare close, again and again, is all that AWS says of some certificates that it does not take.
  if (code != errc::unauthorized && code != errc::tls && code != errc::denied && code != errc::refused &&
      code != errc::closed)
    return;
  it->second->trouble("AWS IoT does not take its certificate any more: " + words);
}

void Room::changed(Life& life, State before) {
  const auto& record = life.record();
  const bool unjudged = !life.is_gateway() && !record.judged && unproven(record.state);
  if (unjudged) {
    unjudged_.insert(life.id());
  } else {
    unjudged_.erase(life.id());
  }
  if (record.state == State::refused && before != State::refused) remember_refused(life);
  if (record.state == State::refused || leaves(record.state)) {
    answer_waiting(life.id(), {Admission::Kind::refused, record.why});
  } else if (!unjudged) {
    asking_.erase(life.id());
    answer_waiting(life.id(), {Admission::Kind::granted, {}});
  }
  if (record.state == State::gone && record.forget) {
    ground_.clock.call_after(Duration::zero(), [this, alive = alive_, id = life.id()] {
      if (*alive) erase(id);
    });
  }
}

void Room::sent_away(Life& life) {
  if (turned_away_ && !life.is_gateway()) turned_away_(life.id(), life.record().why);
}

// Out of memory at once, out of the registry soon: a row that comes back after a crash is refused or gone.
void Room::erase(const std::string& id) {
  const auto it = lives_.find(id);
  if (it == lives_.end()) return;
  by_lane_.erase(it->second->lane());
  lives_.erase(it);
  unjudged_.erase(id);
  refused_.erase(id);
  asking_.erase(id);
  ground_.registry.erase(kIdentitySpace, id, [log = ground_.log, id](const result<void>& done) {
    if (!done) log.error("{}: cannot be forgotten: {}", id, done.error().text);
  });
}

void Room::look_at_ages() {
  const auto& options = options_.cloud.provisioning;
  if (ground_.clock.wall_is_plausible()) {
    const auto wall = ground_.clock.wall();
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(wall.time_since_epoch());
    for (const auto& [id, life] : lives_) {
      if (life->state() != State::active || wall < life->next_rotation) continue;
      const auto& papers = life->record().present;
      const bool old = options.rotate_after > Duration::zero() && papers.since != 0 &&
                       now - std::chrono::seconds(papers.since) >= options.rotate_after;
      const bool ends = std::chrono::seconds(papers.not_after) - now <= options.rotate_before;
      if (old || ends) life->happen(Event::rotate);
    }
  }
  ages_.start(kLookAtAges, [this] { look_at_ages(); });
}

result<std::unique_ptr<Identities>> make_identities(const Options& options, boost::asio::io_context& loop,
                                                    Clock& clock, store::Store& store,
                                                    store::Registry& registry, Doors doors, Log log,
                                                    FailPoints failpoints) {
  std::string sealed;
  auto scanned = registry.scan(kIdentitySpace, [&sealed](std::string_view key, std::string_view row) {
    if (key == kSealRow) sealed = row;
  });
  if (!scanned) return scanned.error();
  const auto& provisioning = options.cloud.provisioning;
  auto seal = load_seal(provisioning.seal, options.store.directory, !sealed.empty());
  if (!seal) return seal.error();
  if (sealed.empty()) {
    auto text = seal->close(kSealRow, "proof", kSealText);
    if (!text) return text.error();
    registry.put(kIdentitySpace, kSealRow, *text, [log](const result<void>& done) {
      if (!done) log.error("{}", done.error().text);
    });
  } else if (auto opened = seal->open(kSealRow, "proof", sealed); !opened) {
    return Error{errc::corrupt,
                 "keys and tokens in the registry were sealed with another sealing key: bring that one "
                 "back (cloud.provisioning.seal)"};
  }
  auto vendor = make_vendor({loop, clock, options, doors.talk, doors.http});
  if (!vendor) return vendor.error();
  auto room = std::make_unique<Room>(
      options, Ground{clock, store, registry, std::move(log), *seal, std::move(doors), std::move(failpoints),
                      std::make_unique<Desk>(clock, provisioning.at_once, provisioning.per_second),
                      std::make_unique<Desk>(clock, kProofsAtOnce, kProofsPerSecond), backoff_of(options),
                      options.thing, std::move(*vendor)});
  if (auto restored = room->restore(); !restored) return restored.error();
  return std::unique_ptr<Identities>(std::move(room));
}

}  // namespace sluice::identity
