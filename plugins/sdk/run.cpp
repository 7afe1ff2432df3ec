#include "plugins/sdk/run.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>

#include "plugins/sdk/session.hpp"

namespace sluice::adapter {
namespace {

namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;

constexpr int kUsage = 64, kFailed = 70, kLater = 75;
constexpr std::size_t kMostStart = 1024 * 1024;
constexpr Duration kGoodbye = std::chrono::seconds(3);
constexpr std::size_t kMostWaiting = 4 * 1024 * 1024;

int complain(int code, const std::string& text) {
  std::fprintf(stderr, "<3>%s\n", text.c_str());
  return code;
}

std::optional<std::string> read_input() {
  std::string text;
  std::array<char, 16384> bytes{};
  for (;;) {
    const auto got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || text.size() > kMostStart) return std::nullopt;
    if (got == 0) return text;
    text.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

std::string word(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

struct Given {
  Start start;
  Credentials credentials;
  std::string socket;
};

result<Given> read_start(const std::string& text, const std::string& kind) {
  const auto wrong = [](const char* what) { return Error{errc::invalid_argument, what}; };
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object())
    return wrong("stdin must be the start object of docs/adapters.md: sluiced starts adapters");
  if (word(json, "contract") != "v1") return wrong("this adapter speaks contract v1 only");
  if (word(json, "kind") != kind) return wrong("the start object is for another kind of adapter");
  Given given;
  given.start.name = word(json, "name");
  given.start.product = word(json, "product");
  given.start.section = json.value("section", Json::object());
  const auto limits = json.value("limits", Json::object());
  if (limits.is_object()) given.start.most_devices = limits.value("devices", std::size_t{0});
  for (const auto& listener : json.value("listeners", Json::array())) {
    if (listener.is_object())
      given.start.listeners.push_back({word(listener, "address"), listener.value("port", std::uint16_t{0})});
  }
  given.socket = word(json, "socket");
  given.credentials = {word(json, "client_id"), word(json, "username"), word(json, "password"),
                       word(json, "inbox"), json.value("keep_alive_s", std::uint16_t{15})};
  if (given.socket.empty() || given.credentials.inbox.empty())
    return wrong("the start object lacks `socket` or `inbox`");
  return given;
}

// The driver is made with the gateway, and the session with the driver: one of them must come first.
class LateDriver final : public Driver {
 public:
  std::unique_ptr<Driver> driver;
  void start() override { driver->start(); }
  void message(const Message& message, Reply reply) override { driver->message(message, std::move(reply)); }
  void call(const Call& call, Reply reply) override { driver->call(call, std::move(reply)); }
  void detached(std::string_view device, std::string_view reason, std::string_view text) override {
    driver->detached(device, reason, text);
  }
  void stop(std::function<void()> done) override { driver->stop(std::move(done)); }
};

class Process {
 public:
  Process(Given given, const MakeDriver& make)
      : given_(std::move(given)),
        clock_(make_system_clock(loop_)),
        make_(make),
        socket_(loop_),
        goodbye_(*clock_) {}

  int run() {
    if (const int code = connect(); code != 0) return code;
    signals_.emplace(loop_, SIGTERM, SIGINT);
    signals_->async_wait([this](const boost::system::error_code& ec, int) {
      if (!ec) stop();
    });
    session_.emplace(*clock_, given_.credentials, driver_,
                     Session::Events{[this] { driver_.start(); }, [this] { wake(); },
                                     [this](const std::string& why) { end(kFailed, why); },
                                     [this](int code, const std::string& why) { end(code, why); }});
    auto made = make_(given_.start, {loop_, *clock_, *session_});
    if (!made) return complain(kUsage, made.error().text);
    driver_.driver = std::move(*made);
    session_->open();
    read();
    loop_.run();
    return code_;
  }

 private:
  int connect() {
    boost::system::error_code ec;
    if (given_.socket.size() >= sizeof(sockaddr_un::sun_path))
      return complain(kUsage, "the socket's path is too long");
    socket_.connect(asio::local::stream_protocol::endpoint(given_.socket), ec);
    if (ec) return complain(kLater, "cannot connect to " + given_.socket + ": " + ec.message());
    socket_.non_blocking(true, ec);
    return 0;
  }

  void read() {
    socket_.async_wait(Socket::wait_read, [this](const boost::system::error_code& ec) {
      if (ec || over_) return;
      const auto got = ::recv(socket_.native_handle(), bytes_.data(), bytes_.size(), MSG_DONTWAIT);
      if (got == 0) return end(kFailed, "the daemon has closed the connection");
      if (got < 0 && errno != EAGAIN && errno != EINTR)
        return end(kFailed, "the connection to the daemon is lost");
      if (got > 0) session_->receive({bytes_.data(), static_cast<std::size_t>(got)});
      if (!over_) read();
    });
  }

  // Everything of one turn of the loop leaves together.
  void wake() {
    if (flushing_) return;
    flushing_ = true;
    asio::post(loop_, [this] { flush(); });
  }

  void flush() {
    auto& out = session_->out;
    while (sent_ < out.size()) {
      const auto n = ::send(socket_.native_handle(), out.data() + sent_, out.size() - sent_,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) {
        sent_ += static_cast<std::size_t>(n);
        continue;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return end(kFailed, "the connection to the daemon is lost");
      out.erase(0, std::exchange(sent_, 0));
      if (out.size() > kMostWaiting) return end(kFailed, "the daemon does not read");
      return socket_.async_wait(Socket::wait_write, [this](const boost::system::error_code& ec) {
        if (!ec) flush();
      });
    }
    out.clear();
    sent_ = 0;
    flushing_ = false;
    if (leaving_) return end(0, "");
    if (!over_) session_->flushed();
  }

  void stop() {
    goodbye_.start(kGoodbye, [this] { end(0, ""); });
    driver_.stop([this] {
      leaving_ = true;
      wake();
    });
  }

  void end(int code, const std::string& why) {
    if (over_) return;
    over_ = true;
    code_ = code;
    if (!why.empty()) complain(code, why);
    loop_.stop();
  }

  Given given_;
  asio::io_context loop_{1};
  std::unique_ptr<Clock> clock_;
  const MakeDriver& make_;
  Socket socket_;
  Timer goodbye_;
  std::optional<asio::signal_set> signals_;
  LateDriver driver_;
  std::optional<Session> session_;
  std::array<char, 65536> bytes_{};
  std::size_t sent_ = 0;
  int code_ = 0;
  bool flushing_ = false, over_ = false, leaving_ = false;
};

}  // namespace

int run(int argc, char** argv, const Description& description, const MakeDriver& make) {
  try {
    if (argc == 2 && std::string_view(argv[1]) == "--describe") {
      const Json said = {
          {"contract", "v1"},         {"kind", description.kind},       {"version", description.version},
          {"text", description.text}, {"network", description.network}, {"schema", description.schema}};
      std::printf("%s\n", said.dump().c_str());
      return 0;
    }
    if (argc != 1)
      return complain(kUsage, "an adapter is started by sluiced, without arguments (or with --describe)");
    const auto input = read_input();
    if (!input) return complain(kUsage, "stdin cannot be read, or has more than 1 MiB");
    auto given = read_start(*input, description.kind);
    if (!given) return complain(kUsage, given.error().text);
    return std::make_unique<Process>(std::move(*given), make)->run();
  } catch (const std::exception& e) {
    return complain(kFailed, std::string("ended by an exception: ") + e.what());
  }
}

}  // namespace sluice::adapter
