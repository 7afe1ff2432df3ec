#include "uplink/uplink.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "uplink/lane.hpp"
#include "uplink/shared.hpp"

namespace sluice::uplink {
namespace {

constexpr std::size_t kReadAheadOfAll = 64 << 20, kLeastReadAhead = 16 << 10, kMostReadAhead = 128 << 10;
constexpr Duration kLookIfDrained = 50ms;
constexpr Duration kCloseGrace = 2s;  // for DISCONNECTs, after the drain's deadline

class Lanes final : public Uplink {
 public:
  Lanes(const Options& options, Clock& clock, store::Store& store, CommandSink& commands, LinkFactory links,
        Log log)
      : shared_(clock, store, commands, std::move(links), std::move(log)), timer_(clock) {
    shared_.use(options);
  }

  ~Lanes() override {
    *alive_ = false;
    for (const auto& lane : leaving_) {
      if (const auto left = lane.lock()) left->abandon();
    }
  }

  void add_lane(LaneId id, CloudIdentity identity) override {
    if (const auto known = lanes_.find(id); known != lanes_.end()) {
      if (known->second->identity() == identity) return;
      if (known->second->identity().thing == identity.thing)
        return known->second->use_options(std::move(identity));
      remove_lane(id);
    }
    auto lane = std::make_shared<Lane>(shared_, id, std::move(identity));
    lanes_.emplace(id, lane);
    share_read_ahead();
    lane->start();
  }

  void remove_lane(LaneId id) override {
    const auto it = lanes_.find(id);
    if (it == lanes_.end()) return;
    let_go(it->second);
    lanes_.erase(it);
    share_read_ahead();
  }

  void try_identity(LaneId id, TlsIdentity tls, std::function<void(result<void>)> done) override {
    const auto it = lanes_.find(id);
    if (it == lanes_.end()) return done(Error{errc::not_found, "there is no such lane"});
    const auto lane = it->second;  // `done` may remove it
    lane->try_identity(std::move(tls), std::move(done));
  }

  void on_identity_trouble(std::function<void(LaneId, errc, const std::string&)> told) override {
    shared_.identity_trouble = std::move(told);
  }

  void committed(Ticket ticket, std::span<const LaneId> lanes) override {
    if (!shared_.awaiting_commit.empty()) {
      const std::vector<LaneId> waiting(shared_.awaiting_commit.begin(), shared_.awaiting_commit.end());
      for (const LaneId id : waiting) {
        const auto it = lanes_.find(id);
        if (it == lanes_.end()) {
          shared_.awaiting_commit.erase(id);
        } else {
          it->second->committed(ticket);
        }
      }
    }
    for (const LaneId id : lanes) {
      if (const auto it = lanes_.find(id); it != lanes_.end()) it->second->new_records();
    }
  }

  void reload(const Options& options) override {
    shared_.use(options);
    // They keep their identities; app adds them again with new ones if these have changed.
    for (const auto& [id, lane] : lanes_) lane->use_options(lane->identity());
  }

  void drain_and_stop(Duration deadline, std::function<void()> done) override {
    done_ = std::move(done);
    drain_until_ = shared_.clock.now() + deadline;
    for (const auto& [id, lane] : lanes_) lane->drain();
    look_if_drained();
  }

  nlohmann::json status() override {
    auto lanes = nlohmann::json::array();
    std::size_t connected = 0;
    for (const auto& [id, lane] : lanes_) {
      connected += lane->state() == Lane::State::connected ? 1 : 0;
      lanes.push_back(lane->status());
    }
    return {{"connected", connected}, {"lanes", std::move(lanes)}};
  }

 private:
  void share_read_ahead() {
    shared_.read_bytes = std::clamp(kReadAheadOfAll / std::max<std::size_t>(lanes_.size(), 1),
                                    kLeastReadAhead, kMostReadAhead);
  }

  // A lane lives on until its link has said goodbye.
  void let_go(const std::shared_ptr<Lane>& lane) {
    ++closing_;
    std::erase_if(leaving_, [](const auto& gone) { return gone.expired(); });
    leaving_.push_back(lane);
    lane->stop([this, lane, alive = alive_] {
      if (!*alive) return;
      --closing_;
      finish_if_closed();
    });
  }

  void look_if_drained() {
    const bool drained =
        std::all_of(lanes_.begin(), lanes_.end(), [](const auto& l) { return l.second->drained(); });
    if (!drained && shared_.clock.now() < drain_until_) {
      timer_.start(kLookIfDrained, [this] { look_if_drained(); });
      return;
    }
    stopping_ = true;
    timer_.start(kCloseGrace, [this] { finish(); });
    ++closing_;  // not before all of them have been let go
    const auto lanes = std::exchange(lanes_, {});
    for (const auto& [id, lane] : lanes) let_go(lane);
    --closing_;
    finish_if_closed();
  }

  void finish_if_closed() {
    if (stopping_ && closing_ == 0 && done_) timer_.start(Duration::zero(), [this] { finish(); });
  }

  void finish() {
    timer_.cancel();
    if (auto done = std::exchange(done_, {})) done();
  }

  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Shared shared_;
  std::map<LaneId, std::shared_ptr<Lane>> lanes_;
  std::vector<std::weak_ptr<Lane>> leaving_;
  std::size_t closing_ = 0;
  Timer timer_;
  MonoTime drain_until_{};
  bool stopping_ = false;
  std::function<void()> done_;
};

}  // namespace

std::unique_ptr<Uplink> make_uplink(const Options& options, boost::asio::io_context& loop, Clock& clock,
                                    store::Store& store, CommandSink& commands, Log log, LinkFactory links) {
  if (!links) links = make_mqtt_links(loop, clock);
  return std::make_unique<Lanes>(options, clock, store, commands, std::move(links), std::move(log));
}

}  // namespace sluice::uplink
