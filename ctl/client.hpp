// The asking end of the daemon's control socket. Blocks, with a deadline for each step. Used by every command
// that needs the running daemon.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace sluice::ctl {

struct Answer {
  bool good = false;
  nlohmann::json result;   // if good, or
  std::string code, text;  // as the daemon says it; code is unreachable or denied when it could not be asked
  int exit_code = 0;
};

class Client {
 public:
  explicit Client(std::filesystem::path socket) : socket_(std::move(socket)) {}
  ~Client() { disconnect(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Connects if need be; after a failure the next call connects anew.
  Answer ask(const std::string& command, const nlohmann::json& args = nlohmann::json::object());
  // The daemon's process, once connected.
  std::optional<pid_t> daemon() const { return daemon_; }
  const std::filesystem::path& socket() const { return socket_; }

 private:
  std::optional<Answer> connect();
  void disconnect();
  bool wait(short events) const;
  Answer broken(const std::string& what);

  std::filesystem::path socket_;
  int fd_ = -1;
  std::optional<pid_t> daemon_;
};

}  // namespace sluice::ctl
