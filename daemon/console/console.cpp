#include "console/console.hpp"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "console/control_session.hpp"

namespace sluice {
namespace asio = boost::asio;
namespace {

using Protocol = asio::local::stream_protocol;

class SocketConsole final : public Console {
 public:
  SocketConsole(const ControlOptions& options, asio::io_context& loop, Clock& clock, Log log)
      : path_(options.socket),
        loop_(loop),
        clock_(clock),
        log_(std::move(log)),
        acceptor_(loop),
        retry_(clock) {}
  ~SocketConsole() override { stop(); }

  void add(std::string name, Command command) override {
    commands_.insert_or_assign(std::move(name), std::move(command));
  }

  result<void> start() override {
    if (path_.native().size() >= sizeof(sockaddr_un::sun_path)) {
      return Error{
          errc::invalid_argument,
          fmt::format("control.socket {}: {} bytes, Unix sockets take at most {}: choose a shorter path",
                      path_.string(), path_.native().size(), sizeof(sockaddr_un::sun_path) - 1)};
    }
    if (auto cleared = clear_stale(); !cleared) return cleared;
    boost::system::error_code error;
    acceptor_.open(Protocol(), error);
    if (!error) acceptor_.bind(Protocol::endpoint(path_.string()), error);
    if (error) {
      return Error{errc::io,
                   fmt::format("control.socket {}: {}: does the directory exist and may this user write it?",
                               path_.string(), error.message())};
    }
    bound_ = true;
    // Nobody can connect before listen(), so there is no moment with the wrong mode.
    if (::chmod(path_.c_str(), 0660) != 0) {
      return Error{errc::io,
                   fmt::format("control.socket {}: chmod: {}", path_.string(), std::strerror(errno))};
    }
    acceptor_.listen(static_cast<int>(kMaxControlConnections), error);
    if (error) return Error{errc::io, fmt::format("control.socket {}: {}", path_.string(), error.message())};
    accept();
    return {};
  }

  void bar(std::function<bool(int)> is_barred) override { is_barred_ = std::move(is_barred); }

  void stop() override {
    retry_.cancel();
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (const auto& session : sessions_) session->close();
    sessions_.clear();
    if (bound_) ::unlink(path_.c_str());
    bound_ = false;
  }

 private:
  // A file left by a daemon that was killed refuses connections; a live one takes them.
  result<void> clear_stale() {
    struct stat info{};
    if (::lstat(path_.c_str(), &info) != 0) return {};
    if (!S_ISSOCK(info.st_mode)) {
      return Error{errc::exists,
                   fmt::format("control.socket {}: there is a file that is no socket: remove it or "
                               "choose another path",
                               path_.string())};
    }
    Protocol::socket probe(loop_);
    boost::system::error_code error;
    probe.connect(Protocol::endpoint(path_.string()), error);
    if (error == asio::error::connection_refused) {
      log_.info("replacing the control socket {} of a daemon that is gone", path_.string());
      ::unlink(path_.c_str());
      return {};
    }
    if (error == boost::system::errc::no_such_file_or_directory) return {};
    return Error{errc::exists,
                 fmt::format("control.socket {}: another sluiced answers there: stop it first, or give "
                             "this one another control.socket and store.directory",
                             path_.string())};
  }

  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, Protocol::socket socket) {
      if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
      if (error) {
        // EMFILE and the like: without a wait this would spin (F6).
        log_.warn("control socket: accept: {}", error.message());
        retry_.start(200ms, [this] { accept(); });
        return;
      }
      admit(std::move(socket));
      accept();
    });
  }

  void admit(Protocol::socket socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (is_barred_ && (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
                       is_barred_(peer.pid))) {
      log_.warn("control socket: process {} is an adapter: sent away", peer.pid);
      return;
    }
    if (sessions_.size() >= kMaxControlConnections) {
      static const auto line =
          control_answer(Error{errc::full, "16 control connections are open: close one"});
      boost::system::error_code ignored;
      socket.non_blocking(true, ignored);
      socket.send(asio::buffer(line), 0, ignored);
      return;
    }
    auto session = std::make_shared<ControlSession>(
        std::move(socket), commands_, clock_, log_, [this](ControlSession* gone) {
          std::erase_if(sessions_, [gone](const auto& s) { return s.get() == gone; });
        });
    sessions_.push_back(session);
    session->start();
  }

  std::filesystem::path path_;
  asio::io_context& loop_;
  Clock& clock_;
  Log log_;
  Protocol::acceptor acceptor_;
  Timer retry_;
  ControlCommands commands_;
  std::function<bool(int)> is_barred_;
  std::vector<std::shared_ptr<ControlSession>> sessions_;
  bool bound_ = false;
};

}  // namespace

std::unique_ptr<Console> make_console(const ControlOptions& options, asio::io_context& loop, Clock& clock,
                                      Log log) {
  return std::make_unique<SocketConsole>(options, loop, clock, std::move(log));
}

}  // namespace sluice
