#include "client.hpp"

#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "exit_codes.hpp"

namespace sluice::ctl {
namespace {

constexpr int kPatience = 35'000;  // ms; the daemon answers or says timeout within 30 s
constexpr std::size_t kMaxAnswer = 256 << 20;

std::string group_of(const std::filesystem::path& path) {
  struct stat info{};
  // The folder may be closed to us too: then the packaged group's name is the best guess.
  if (::stat(path.c_str(), &info) != 0 && ::stat(path.parent_path().c_str(), &info) != 0) return "sluice";
  const auto* group = ::getgrgid(info.st_gid);
  return group == nullptr ? std::to_string(info.st_gid) : group->gr_name;
}

Answer not_reached(int error, const std::filesystem::path& socket) {
  Answer answer;
  answer.code = "unreachable";
  answer.exit_code = exit_code::unreachable;
  if (error == EACCES || error == EPERM) {
    answer.code = "denied";
    answer.exit_code = exit_code::no_permission;
    const auto group = group_of(socket);
    answer.text = group == "root"
                      ? fmt::format("no permission for {}: run this with sudo", socket.string())
                      : fmt::format(
                            "no permission for {}: run this with sudo, or join its group for good: "
                            "sudo usermod -aG {} $USER, then log in again",
                            socket.string(), group);
  } else if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR) {
    answer.text = fmt::format(
        "{} at {}: is sluiced running? See: systemctl status sluiced; start it: "
        "sudo systemctl start sluiced (another socket: --socket PATH)",
        error == ECONNREFUSED ? "nobody answers" : "there is no control socket", socket.string());
  } else {
    answer.text = fmt::format("{}: {}", socket.string(), std::strerror(error));
  }
  return answer;
}

}  // namespace

void Client::disconnect() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool Client::wait(short events) const {
  pollfd waiting{fd_, events, 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, kPatience);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

std::optional<Answer> Client::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto& path = socket_.native();
  if (path.size() >= sizeof(address.sun_path)) return not_reached(ENAMETOOLONG, socket_);
  std::memcpy(address.sun_path, path.data(), path.size());
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return not_reached(errno, socket_);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const auto error = errno;
    disconnect();
    return not_reached(error, socket_);
  }
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0) daemon_ = peer.pid;
  return {};
}

Answer Client::broken(const std::string& what) {
  disconnect();
  Answer answer;
  answer.code = "unreachable";
  answer.exit_code = exit_code::unreachable;
  answer.text =
      fmt::format("{} at {}: did sluiced stop? See: journalctl -u sluiced -e", what, socket_.string());
  return answer;
}

Answer Client::ask(const std::string& command, const nlohmann::json& args) {
  if (fd_ < 0) {
    if (auto trouble = connect()) return std::move(*trouble);
  }
  const auto line = nlohmann::json{{"command", command}, {"args", args}}.dump(
                        -1, ' ', false, nlohmann::json::error_handler_t::replace) +
                    '\n';
  for (std::size_t sent = 0; sent < line.size();) {
    const auto n = ::send(fd_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return broken("the connection ended");
    sent += static_cast<std::size_t>(n);
  }
  std::string received;
  char part[64 * 1024];
  while (received.empty() || received.back() != '\n') {
    if (!wait(POLLIN)) return broken("no answer within 35 s");
    const auto n = ::recv(fd_, part, sizeof(part), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return broken("the connection ended before the answer");
    received.append(part, static_cast<std::size_t>(n));
    if (received.size() > kMaxAnswer) return broken("an answer larger than 256 MiB");
  }
  auto parsed = nlohmann::json::parse(received, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("ok")) return broken("something that is not sluiced answers");
  Answer answer;
  answer.good = parsed["ok"] == true;
  if (answer.good) {
    answer.result = std::move(parsed["result"]);
    return answer;
  }
  const auto error = parsed.value("error", nlohmann::json::object());
  answer.code = error.value("code", "unknown");
  answer.text = error.value("text", "the daemon gave no reason");
  answer.exit_code = exit_code::failed;
  return answer;
}

}  // namespace sluice::ctl
