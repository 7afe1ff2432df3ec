// The Identities behind make_identities(): who is known, who waits to be let in, and the clock of rotations.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <set>
#include <string>

#include "identity/life.hpp"

namespace sluice::identity {

inline constexpr std::size_t kMaxIdentities = 100'000;
inline constexpr std::size_t kMostRefused = 1'000;  // remembered; beyond, the oldest is forgotten

class Room final : public Identities {
 public:
  Room(const Options& options, Ground ground);
  ~Room() override;
  result<void> restore();

  void start() override;
  void stop() override;
  void reload(const Options& options) override;
  void trouble(LaneId lane, errc code, const std::string& words) override;

  void admit(Newcomer newcomer, std::function<void(Admission)> answer) override;
  std::string product_of(const std::string& id) const override;
  void forget(const std::string& id) override;
  void on_turned_away(std::function<void(const std::string&, const std::string&)> fn) override {
    turned_away_ = std::move(fn);
  }

  void provision(const std::string& id, bool again, Done done) override;
  std::size_t provision_all() override;
  void enrol(const std::string& id, const std::string& product, Done done) override;
  void rotate(const std::string& id, Done done) override;
  std::size_t rotate_all() override;
  void revoke(const std::string& id, Done done) override;
  void import(std::vector<Import> devices, Done done) override;
  result<CredentialsSource> credentials_source(const std::string& id) const override;
  nlohmann::json status() const override;
  nlohmann::json identities() const override;

 private:
  using Mark = std::array<unsigned char, 32>;
  struct Waiting {
    std::uint64_t number = 0;
    std::function<void(Admission)> answer;
    Clock::TimerId deadline = 0;
  };

  Life* find(const std::string& id) const;
  Life& add(const std::string& id, LaneId lane, Record record);
  // With the token sealed; null (and the error) when it cannot be.
  result<Life*> create(const std::string& id, const std::string& product, const Secret& token, Done written);
  // A record begun anew with this token.
  result<Life::Change> renewed(const std::string& id, const std::string& product, const Secret& token) const;
  void changed(Life& life, State before);
  void sent_away(Life& life);
  void erase(const std::string& id);
  void start_gateway();
  void look_at_ages();

  // admissions.cpp
  std::optional<Admission> judge_known(Life& life, const Newcomer& newcomer);
  void wait_for_verdict(const std::string& id, std::function<void(Admission)> answer);
  void answer_waiting(const std::string& id, const Admission& admission);
  void remember_refused(Life& life);
  Mark mark(const std::string& id, const Secret& token) const;

  Options options_;
  Ground ground_;
  std::map<std::string, std::unique_ptr<Life>, std::less<>> lives_;
  std::map<LaneId, Life*> by_lane_;
  std::set<std::string> unjudged_;  // devices that wait for their first judgement
  std::map<std::string, std::vector<Waiting>> waiting_;
  std::uint64_t last_waiting_ = 0;

  struct Refused {
    Mark token{};
    MonoTime until{};
  };
  std::map<std::string, Refused> refused_;  // asked again only with another token, or later
  std::map<std::string, Mark> asking_;      // the token that is being judged
  std::deque<std::string> refused_in_order_;
  std::array<unsigned char, 32> mark_key_{};

  std::function<void(const std::string&, const std::string&)> turned_away_;
  std::vector<std::string> unreadable_;  // rows of the registry, in words
  Timer ages_;
  bool stopped_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::identity
