// One MQTT connection of a device, from TCP connect to its end.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "fleet/device.hpp"

namespace sluice::fleet {

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Fleet& fleet, Device& device);

  // Returns when the connection has ended; why.
  boost::asio::awaitable<std::string> run();
  bool up() const { return up_; }
  std::size_t unsent() const { return out_.size() + writing_.size(); }
  // Appends whole packets; they leave when the loop's turn ends.
  std::string& out() { return out_; }
  void wake() { wake_.cancel_one(); }
  void close();
  void disconnect();

 private:
  boost::asio::awaitable<void> write_loop();
  boost::asio::awaitable<std::string> open();
  void send_connect();
  // Takes whole packets off in_; why the connection must end, or empty.
  std::string take_packets();
  std::string take(std::string_view packet);
  void keep_alive();

  Fleet& fleet_;
  Device& device_;
  std::unique_ptr<Wire> wire_;
  boost::asio::steady_timer wake_;  // never expires; cancelled to say: there is something in out_
  Timer deadline_, ping_;
  std::string in_, out_, writing_;
  MonoTime heard_{};
  bool up_ = false, ended_ = false, leaving_ = false;
};

}  // namespace sluice::fleet
