// The control socket: how sluicectl (or a script) asks the running daemon. A Unix stream socket, one JSON
// object a line: {"command":"status","args":{...}} is answered by {"ok":true,"result":...} or
// {"ok":false,"error":{"code":"not_found","text":"..."}}. App adds the commands; docs/sluicectl.md documents
// them. Who may connect is decided by the socket's mode (0660, the daemon's group). Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/options.hpp"

namespace sluice {

class Console {
 public:
  // Answers one request: at most once, now or later, on the loop; ignored if the asker has gone.
  using Reply = std::function<void(result<nlohmann::json>)>;
  // args is an object (empty if the request had none), valid during the call. A json exception that leaves
  // the command (wrong type of an argument) is answered as invalid_argument.
  using Command = std::function<void(const nlohmann::json& args, Reply reply)>;

  virtual ~Console() = default;
  virtual void add(std::string name, Command command) = 0;
  // Peers whose process `is_barred` are sent away: adapters run as our own user, and would pass the socket's
  // mode.
  virtual void bar(std::function<bool(int process)> is_barred) = 0;
  // Listens. A socket file that a dead daemon left is replaced; errors: exists (a live daemon has it, or the
  // path is no socket), invalid_argument (path too long), io.
  virtual result<void> start() = 0;
  // Closes every connection and removes the socket file.
  virtual void stop() = 0;
};

std::unique_ptr<Console> make_console(const ControlOptions& options, boost::asio::io_context& loop,
                                      Clock& clock, Log log);

// For commands: `reply(ok(json))`. nlohmann::json converts to nearly everything, so result<json> needs the
// hint.
result<nlohmann::json> ok(nlohmann::json value);

}  // namespace sluice
