// One connection to the control socket: reads a line, runs the command, writes the answer, reads on. One
// request at a time, so a client that does not read its answers stops being served. Used by console.cpp only.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "console/console.hpp"

namespace sluice {

inline constexpr std::size_t kMaxControlRequest = 64 * 1024;  // bytes, newline included
inline constexpr std::size_t kMaxControlConnections = 16;
inline constexpr Duration kControlIdle = 60s;  // without a whole request
inline constexpr Duration kControlDeadline =
    30s;  // for a command to answer, and for the client to take the answer

using ControlCommands = std::map<std::string, Console::Command, std::less<>>;

class ControlSession : public std::enable_shared_from_this<ControlSession> {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;

  // `commands` and `clock` must live until close(); `closed` is called once, when the session ends by itself.
  ControlSession(Socket socket, const ControlCommands& commands, Clock& clock, Log log,
                 std::function<void(ControlSession*)> closed);
  void start() { read(); }
  void close();

 private:
  void read();
  void handle(std::string_view line);
  void answer(const result<nlohmann::json>& outcome);
  void write(bool then_close);
  void end();

  Socket socket_;
  const ControlCommands* commands_;
  Timer deadline_;
  Log log_;
  std::function<void(ControlSession*)> closed_;
  std::string in_, out_;
  std::uint64_t request_ = 0;  // answers of an earlier request (late, twice) are ignored
  bool waiting_ = false;       // for the command's answer
};

// The line that goes to the client, newline included.
std::string control_answer(const result<nlohmann::json>& outcome);

}  // namespace sluice
