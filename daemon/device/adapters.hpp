// All adapters: the socket that they connect to, who may, and what changes at a reload. Part of the device
// room. Loop thread.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/adapter_plan.hpp"
#include "device/adapter.hpp"
#include "device/links.hpp"
#include "mqtt/broker.hpp"

namespace sluice::device {

class Adapters {
 public:
  Adapters(boost::asio::io_context& loop, Clock& clock, Log log, Links& links, Directory& directory,
           Authenticator& authenticator, SessionHost& host);
  ~Adapters();
  void serve(mqtt::Broker& broker) { house_.broker = &broker; }

  // What is to run from now on. Adapters whose plan is as it was are not touched; the others are stopped,
  // started, or both.
  void run(std::vector<AdapterPlan> plans, const Options& options);
  // One, in the place of its namesake.
  void replace(AdapterPlan plan);
  // Stops all; `done` when they have gone.
  void stop(std::function<void()> done);

  // Of a connection to our socket; from inside the broker.
  mqtt::ConnectVerdict authenticate(Link& link, const mqtt::Connect& connect);
  void tick(MonoTime now);
  nlohmann::json status() const;
  // As Devices::call says.
  void call(const std::string& device, std::string_view operation, std::string_view more,
            std::string_view payload, Duration deadline, Devices::Answered done);
  // The process belongs to one of them.
  bool owns(pid_t process) const;

 private:
  using All = std::map<std::string, std::shared_ptr<Adapter>, std::less<>>;
  result<void> open(const std::filesystem::path& socket);
  void start(AdapterPlan plan);
  // Now, or when its namesake has gone.
  void place(AdapterPlan plan);
  void retire(const std::string& name);

  AdapterHouse house_;
  Links& links_;
  std::shared_ptr<Listener> listener_;
  std::filesystem::path directory_, socket_;
  std::string trouble_;
  All adapters_;
  std::vector<std::shared_ptr<Adapter>> leaving_;
  std::map<std::string, AdapterPlan> next_;  // to be started when their namesakes have gone
  std::function<void()> stopped_;
  MonoTime ticked_{};
  bool stopping_ = false;
  std::shared_ptr<Device> nobody_ = std::make_shared<Device>();  // the device of clients that are adapters
};

}  // namespace sluice::device
