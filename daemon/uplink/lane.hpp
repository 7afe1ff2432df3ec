// One connection to AWS IoT, kept up for ever: wait → connect → subscribe → run → wait. Says in words what is
// wrong and what to do; carries commands inwards; its Sender carries readings outwards. Owned by Uplink; loop
// thread.
//
//   waiting_for_time ─▶ waiting ─▶ connecting ─▶ subscribing ─▶ connected ─▶ (lost) waiting …
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/backoff.hpp"
#include "uplink/cloud_link.hpp"
#include "uplink/sender.hpp"
#include "uplink/shared.hpp"

namespace sluice::uplink {

class Lane final : public LinkEvents, public std::enable_shared_from_this<Lane> {
 public:
  enum class State : std::uint8_t { stopped, waiting_for_time, waiting, connecting, subscribing, connected };

  Lane(Shared& shared, LaneId id, CloudIdentity identity);

  void start();
  void new_records() { sender_.new_records(); }
  void committed(Ticket ticket);
  // The options have changed; reconnects if the connection depends on what changed.
  void use_options(CloudIdentity identity);
  // See Uplink.
  void try_identity(TlsIdentity tls, std::function<void(result<void>)> done);
  void drain() { sender_.drain(); }
  bool drained() const { return state_ == State::stopped || sender_.drained(); }
  // Down for good; `closed` on the loop when no message can come any more.
  void stop(std::function<void()> closed);
  // What it was given by reference is gone: nothing that may still come is looked at.
  void abandon() { abandoned_ = true; }
  State state() const { return state_; }
  // As it was given; while another certificate is tried, still the old one.
  CloudIdentity identity() const;
  nlohmann::json status();

  void connected(const Granted& granted) override;
  void connect_failed(const ConnectFailure& failure) override;
  void lost(const Loss& loss) override;
  void published(std::span<const Puback> acks) override { sender_.published(acks); }
  void subscribed(std::span<const std::uint8_t> reasons) override;
  void message(Incoming&& message) override;
  void writable() override { sender_.writable(); }

 private:
  void enter(State state);
  void wait_and_connect();
  void try_connect();
  void connect();
  void fall_back(const ConnectFailure& failure);
  void down(std::string words, bool blame);
  void trouble(std::string words);
  void subscribe_next();
  void subscribe_again_later();
  void run();
  void watch_certificate();
  const std::string& endpoint() const;
  TlsIdentity tls() const;
  void rest();
  // lane_identity.cpp
  void restart(std::string words);
  void connect_soon(Duration wait);
  void trial_failed(const ConnectFailure& failure);
  void end_trial(result<void> outcome);
  void notice_identity_trouble(const ConnectFailure& failure);

  Shared& shared_;
  const LaneId id_;
  const std::string thing_;
  CloudIdentity identity_;
  Log log_;
  Sender sender_;
  Backoff backoff_;
  Timer timer_, watchdog_, again_, certificate_;
  int warned_days_ = 0;  // the last threshold told; 0: none

  struct Trial {
    TlsIdentity old;
    std::function<void(result<void>)> done;
    unsigned tries = 0;
  };
  std::optional<Trial> trial_;  // of the certificate that identity_ has now
  Timer trial_deadline_;
  std::shared_ptr<int> closing_;  // the link says goodbye; what waits for that finds it gone if it need not
  unsigned closed_untold_ = 0;    // since it was last connected
  bool identity_trouble_told_ = false;

  State state_ = State::stopped;
  MonoTime since_{}, last_connect_{};
  bool tried_ = false, abandoned_ = false;
  std::unique_ptr<CloudLink> link_;
  LinkOptions options_;  // of the current or last attempt
  Granted granted_;
  bool mqtt5_ = true;
  unsigned closed_in_a_row_ = 0;   // after CONNECT, without a word
  unsigned lost_subscribing_ = 0;  // in a row
  std::string error_, logged_, command_trouble_;
  std::vector<std::string> filters_;
  std::size_t subscribed_ = 0, asked_ = 0;
  std::deque<std::pair<Ticket, std::uint64_t>>
      unsafe_;  // commands: the ticket they wait for, the ack they owe
  std::uint64_t connects_ = 0, losses_ = 0, commands_ = 0, unmatched_ = 0;
};

std::string_view to_string(Lane::State state);

}  // namespace sluice::uplink
