// Asks one device and gets its answer: one request outstanding, sequence numbers matched, deadlines, new
// attempts. Used by SmpTarget. All on the loop; must outlive what it was asked, close() ends that at once.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>

#include "core/clock.hpp"
#include "core/log.hpp"
#include "plugins/smp/commands.hpp"
#include "plugins/smp/transport.hpp"

namespace sluice::smp {

struct Patience {
  Duration reply = 2500ms;
  int attempts = 4;
};

class Exchange {
 public:
  Exchange(boost::asio::io_context& loop, Clock& clock, Transport& transport, Log log);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // The body of a success, or why there is none: timeout (no answer to any attempt), unreachable (no line),
  // closed, or what the device refused. Only for commands that do no harm when they are done twice; give
  // reset one attempt.
  boost::asio::awaitable<result<cbor::Value>> ask(Command command, Patience patience);
  // The same, told apart: the answer itself, a refusal among them.
  boost::asio::awaitable<result<Message>> ask_raw(const Command& command, Patience patience);

  void close();
  bool closed() const { return closed_; }
  Clock& clock() { return clock_; }

  struct Counters {
    std::uint64_t sent = 0, answered = 0, timeouts = 0, stale = 0, broken = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  using Handler = std::function<void(result<Message>)>;
  void start(const Command& command, Duration deadline, Handler handler);
  void received(std::string_view bytes);
  void finish(result<Message> outcome);
  boost::asio::awaitable<result<Message>> once(const Command& command, Duration deadline);

  boost::asio::io_context& loop_;
  Clock& clock_;
  Transport& transport_;
  Log log_;
  Timer deadline_;
  std::optional<Header> waiting_;
  Handler handler_;
  std::uint8_t sequence_ = 0;
  Version version_ = Version::v2;
  bool closed_ = false;
  Counters counters_;
};

}  // namespace sluice::smp
