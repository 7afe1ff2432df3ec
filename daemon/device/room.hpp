// The Devices behind make_devices(): puts the parts of the room together, in order of birth.
#pragma once

#include <memory>
#include <vector>

#include "device/adapters.hpp"
#include "device/authenticator.hpp"
#include "device/device.hpp"
#include "device/directory.hpp"
#include "device/durable.hpp"
#include "device/links.hpp"
#include "device/listener.hpp"
#include "device/mailbox.hpp"
#include "device/session_host.hpp"

namespace sluice::device {

class Room final : public Devices {
 public:
  Room(boost::asio::io_context& loop, Clock& clock, store::Store& store, store::Registry& registry,
       ReadingSink& readings, Log log);
  ~Room() override;
  result<void> prepare(const Options& options);

  result<void> start() override;
  void stop_listening() override;
  void shut_down(std::function<void()> done) override;
  void committed(Ticket ticket) override { broker_->committed(ticket); }
  void relieved() override;
  CommandSink& commands() override { return host_; }
  nlohmann::json status() const override;
  nlohmann::json devices() const override;
  void add_device(std::string id, std::string product, std::string token, Done done) override;
  void set_token(std::string id, std::string token, Done done) override;
  void set_enabled(std::string id, bool enabled, Done done) override;
  void remove_device(std::string id, Done done) override;
  void enrol_with(Enrolment& enrolment) override;
  void turn_away(const std::string& id, const std::string& why) override;
  std::vector<std::pair<std::string, std::string>> provisioned() const override;
  std::vector<OwnIdentity> own_identities() const override { return directory_.own_identities(); }
  void on_own_identities_changed(std::function<void()> fn) override { identities_changed_ = std::move(fn); }
  result<void> reload(const Options& options) override;
  void run_adapters(std::vector<AdapterPlan> plans) override { adapters_.run(std::move(plans), options_); }
  void run_adapter(AdapterPlan plan) override { adapters_.replace(std::move(plan)); }
  nlohmann::json adapters() const override { return adapters_.status(); }
  bool is_adapter(int process) const override { return adapters_.owns(process); }
  void call(const std::string& device, std::string_view operation, std::string_view more,
            std::string_view payload, Duration deadline, Answered done) override {
    adapters_.call(device, operation, more, payload, deadline, std::move(done));
  }
  std::uint16_t port(std::size_t listener) const override;

 private:
  using Listeners = std::vector<std::shared_ptr<Listener>>;
  std::shared_ptr<Listener> make_listener(const ListenerOptions& options);
  void say_goodbye(std::function<void()> done);
  void tick();
  void look_at_files();
  void tell_identities();
  // The hash of a token (or the hash itself, if it is one) to `then`, on the loop.
  void hash(std::string token, std::function<void(result<std::string>)> then);

  boost::asio::io_context& loop_;
  Clock& clock_;
  store::Store& store_;
  Log log_;
  Options options_;
  Directory directory_;
  Mailbox mailbox_;
  Authenticator authenticator_;
  SessionHost host_;
  StoreJournal journal_;
  BrokerTime time_;
  std::unique_ptr<mqtt::Broker> broker_;
  Links links_;
  Adapters adapters_;
  Listeners listeners_;
  Workers hashers_;
  Timer tick_, files_, stop_;
  std::function<void()> identities_changed_;
  Enrolment* enrolment_ = nullptr;
  std::uint64_t ticks_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::device
