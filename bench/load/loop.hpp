// epoll, and the life of one MQTT connection up to its CONNACK. One thread; everything here belongs to it.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "load/options.hpp"

namespace sluice::load {

using Nanos = std::int64_t;  // CLOCK_MONOTONIC
Nanos now();
inline constexpr Nanos kSecond = 1'000'000'000;

class Connection;

class Loop {
 public:
  explicit Loop(const Options& options);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Dials all, some at a time; false: not all could be opened (see failure()).
  bool open_all(const std::vector<Connection*>& connections);
  // Waits until `deadline` at the latest, then serves what is ready.
  void run_once(Nanos deadline);
  // SIGINT or SIGTERM came, or a connection failed that must not.
  bool stopped() const { return stopped_; }
  const std::string& failure() const { return failure_; }
  unsigned open() const { return open_; }
  std::uint64_t lost() const { return lost_; }

 private:
  friend class Connection;

  struct Retry {
    Nanos when;
    Connection* connection;
  };

  const Options& options_;
  int epoll_ = -1, signals_ = -1;
  std::vector<char> address_;  // sockaddr of the server
  unsigned sources_ = 0;
  std::vector<char> buffer_;                   // what is read, one connection at a time
  std::vector<Connection*> dirty_, flushing_;  // to be flushed at the end of this turn
  std::vector<Retry> retries_;
  std::string failure_;
  bool stopped_ = false;
  unsigned open_ = 0;       // between CONNACK and the end
  unsigned dialling_ = 0;   // between connect() and CONNACK
  std::uint64_t lost_ = 0;  // after CONNACK
};

class Connection {
 public:
  Connection(Loop& loop, const Options& options, unsigned index);
  virtual ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void dial();
  void handle(std::uint32_t events);
  bool is_open() const { return state_ == State::open; }
  unsigned index() const { return index_; }
  const std::string& client_id() const { return client_id_; }
  void send_ping();  // left out when a packet is half sent
  // Called at the end of a turn in which mark() was called.
  virtual void flush() {}

 protected:
  virtual void opened(std::uint16_t receive_maximum) = 0;
  // Whole packets from the front; returns how many bytes were used. Calls lose() for what it does not like.
  virtual std::size_t take(std::string_view bytes) = 0;
  virtual void writable() {}
  virtual bool between_packets() const { return true; }

  void mark();  // flush() me at the end of this turn
  // What the kernel took; 0 when it is full.
  std::size_t send(const iovec* parts, int count);
  void lose(const std::string& why);

 private:
  friend class Loop;

  enum class State { closed, connecting, handshaking, open };

  void fail_dial(const std::string& why);
  void retry();
  void send_connect();
  void read();
  std::size_t take_connack(std::string_view bytes);
  void close();

  Loop& loop_;
  const Options& options_;
  unsigned index_;
  std::string client_id_;
  std::string carry_;  // the start of a packet whose end is not here yet
  int fd_ = -1;
  State state_ = State::closed;
  bool dirty_ = false;
};

// PINGREQ for everyone twice per keep-alive, spread evenly.
class Pinger {
 public:
  Pinger(std::vector<Connection*> connections, const Options& options);
  Nanos next() const { return next_; }
  void run();  // pings who is due

 private:
  std::vector<Connection*> connections_;
  Nanos gap_ = 0, next_ = 0;
  std::size_t at_ = 0;
};

}  // namespace sluice::load
