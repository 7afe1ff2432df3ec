// All network connections of devices, and what they share: one receive buffer, the list of those that have
// something to send in this turn of the loop, pauses, deadlines. Loop thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/read_buffer.hpp"
#include "core/workers.hpp"
#include "device/buckets.hpp"
#include "device/listener.hpp"
#include "mqtt/broker.hpp"

namespace sluice::device {

class Link;

struct LinkLimits {
  std::size_t connections = 20'000;
  std::size_t handshakes = 64;         // TLS, at once; others wait in the kernel's accept queue
  Duration handshake_deadline = 10s;   // TLS and WebSocket upgrade together
  Duration linger = 2s;                // for the last bytes to leave
  std::size_t read_turn = 128 * 1024;  // bytes that one connection may bring per turn
  std::size_t unsent = 1024 * 1024;    // above: not read until the peer has taken half of it
};

class Links {
 public:
  Links(boost::asio::io_context& loop, Clock& clock, Log log, LinkLimits limits);
  ~Links();
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  // Before the first adopt(). The pressure function tells whether reading must pause.
  void serve(mqtt::Broker& broker, std::function<bool()> pressure);

  void adopt(int fd, std::shared_ptr<Listener> listener, const Peer& peer);
  bool full() const { return links_.size() >= limits_.connections; }
  bool handshakes_full() const { return handshakes_ >= limits_.handshakes; }
  // Pressure has ended.
  void relieved();
  // Deadlines; call about every 250 ms.
  void tick(MonoTime now);
  // Closes those that came in through this listener.
  void close_all_of(const Listener& listener);
  // Closes what is left, without goodbye.
  void abort_all();
  std::size_t size() const { return links_.size(); }
  // Called when the last link has gone.
  void when_empty(std::function<void()> fn);
  // Some are not read because the store asks for a pause.
  bool paused() const { return !paused_.empty(); }

 private:
  friend class Link;
  void remove(Link& link);
  void dirty(Link& link);
  void flush();
  void pause(Link& link);
  void resume_at(MonoTime when, Link& link);
  void resume_due();
  void linger(Link& link);
  void handshake_failed(const Link& link, std::string_view why);

  boost::asio::io_context& loop_;
  Clock& clock_;
  Log log_;
  LinkLimits limits_;
  mqtt::Broker* broker_ = nullptr;
  std::function<bool()> pressure_;
  ReadBuffer wire_, plain_;  // what recv() fills; what TLS decrypts into
  std::vector<std::shared_ptr<Link>> links_;
  std::vector<std::shared_ptr<Link>> dirty_, flushing_;
  std::vector<std::weak_ptr<Link>> paused_;
  std::multimap<MonoTime, std::weak_ptr<Link>> resume_;
  Timer resume_timer_;
  std::deque<std::pair<MonoTime, std::weak_ptr<Link>>> handshaking_, lingering_;  // by deadline
  std::size_t handshakes_ = 0;
  std::shared_ptr<Workers> workers_;  // TLS handshakes
  BucketTable log_limit_;             // of failed handshakes, per source
  std::function<void()> when_empty_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what is posted
};

}  // namespace sluice::device
