#include "device/adapter.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>
#include <boost/asio/post.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

#include "device/adapter_executable.hpp"
#include "device/directory.hpp"

namespace sluice::device {
namespace {

using Json = nlohmann::json;

constexpr Duration kReadyWithin = 15s;
constexpr Duration kGrace = 5s;  // from SIGTERM, or from the end of its connection, to SIGKILL
constexpr Duration kMeasure = 5s, kPing = 10s, kHung = 30s;
constexpr int kKeepAliveSeconds = 15;
constexpr int kMisconfigured = 64, kLater = 75;
constexpr std::string_view kConnectionEnded = "its connection has ended: ";

std::string new_password() {
  std::array<unsigned char, 32> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) return {};
  std::string text;
  for (const auto byte : random) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace

Adapter::Adapter(const AdapterHouse& house, AdapterPlan plan, std::filesystem::path directory,
                 std::filesystem::path socket)
    : house_(house),
      log_(house.log),
      plan_(std::move(plan)),
      directory_(std::move(directory)),
      socket_(std::move(socket)),
      backoff_({.first = 1s, .most = 2min, .well_after = 30s}),
      timer_(house.clock),
      kill_timer_(house.clock),
      output_log_(std::make_shared<AdapterLog>(house.clock, house.log, plan_.options.name)) {}

Adapter::~Adapter() { shut(); }

void Adapter::shut() {
  stopped_ = nullptr;
  timer_.cancel();
  kill_timer_.cancel();
  pidfd_.reset();
  process_.reset();
  if (session_) session_->shut();
  if (out_) out_->finish();
  if (err_) err_->finish();
}

void Adapter::start() {
  // Who has made this plan makes another.
  if (plan_.again) return stand_still(State::waiting, plan_.trouble);
  if (!plan_.trouble.empty()) return stand_still(State::misconfigured, plan_.trouble);
  launch();
}

void Adapter::stand_still(State state, std::string why) {
  state_ = state;
  last_end_ = std::move(why);
  log_.error("adapter {}: not started: {}", plan_.options.name, last_end_);
}

void Adapter::launch() {
  state_ = State::starting;
  since_ = house_.clock.now();
  why_.clear();
  auto started = spawn();
  if (started) return;
  // Who may not be run, or is not there, will not be in a second either.
  const auto code = started.error().code;
  if (code == errc::denied || code == errc::not_found || code == errc::invalid_argument)
    return stand_still(State::refused, started.error().text);
  last_end_ = started.error().text;
  ++failures_;
  const auto wait = backoff_.next();
  log_.error("adapter {}: {}", plan_.options.name, last_end_);
  state_ = State::waiting;
  timer_.start(wait, [this] { launch(); });
}

std::string Adapter::start_object() const {
  const auto& limits = plan_.options.limits;
  return Json{
      {"contract", "v1"},
      {"name", plan_.options.name},
      {"kind", plan_.options.kind},
      {"socket", socket_.string()},
      {"client_id", std::string(kAdapterClientPrefix) + plan_.options.name},
      {"username", plan_.options.name},
      {"password", password_},
      {"inbox", inbox_of(plan_.options.name)},
      {"keep_alive_s", kKeepAliveSeconds},
      {"ready_within_ms", std::chrono::duration_cast<std::chrono::milliseconds>(kReadyWithin).count()},
      {"log_level", "info"},
      {"product", plan_.options.product},
      {"listeners", house_.listeners},
      {"limits",
       {{"devices", limits.devices},
        {"publishes_per_second", limits.publishes_per_second},
        {"bytes_per_second", limits.bytes_per_second}}},
      {"section", Json::parse(plan_.section, nullptr, false)}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

result<void> Adapter::spawn() {
  const auto& options = plan_.options;
  auto executable = adapter_executable(directory_, options.kind);
  if (!executable) return executable.error();
  password_ = new_password();
  if (password_.empty()) return Error{errc::io, "no random bytes for its credential"};
  Sandbox sandbox({.enabled = options.sandbox,
                   .network = plan_.network,
                   .memory = options.limits.memory,
                   .open_files = options.limits.open_files,
                   .processes = options.limits.processes,
                   .executable = *executable,
                   .grants = plan_.grants});
  sandbox_words_ = sandbox.words();
  sandbox_missing_ = sandbox.missing();
  if (sandbox_missing_ != told_missing_)
    log_.warn("adapter {}: its sandbox is not whole: {}", options.name, sandbox_missing_);
  told_missing_ = sandbox_missing_;
  auto input = start_object();
  auto process = Process::start({.executable = *executable,
                                 .arguments = {executable->string()},
                                 .environment = adapter_environment(options.name),
                                 .input = input},
                                sandbox);
  OPENSSL_cleanse(input.data(), input.size());
  if (!process) return process.error();
  ++starts_;
  process_.emplace(std::move(*process));
  usage_ = {};
  usage_watch_ = std::make_unique<UsageWatch>(options.limits);
  measured_ = house_.clock.now();
  log_.info("adapter {}: started, pid {} (sandbox: {})", options.name, process_->pid(), sandbox_words_);
  out_ = std::make_shared<AdapterOutput>(house_.loop, house_.clock, std::move(process_->out), output_log_,
                                         Level::info);
  err_ = std::make_shared<AdapterOutput>(house_.loop, house_.clock, std::move(process_->err), output_log_,
                                         Level::warning);
  out_->start();
  err_->start();
  const std::weak_ptr<Adapter> weak = weak_from_this();
  session_ = std::make_shared<AdapterSession>(house_, options.name, options.product, options.limits.devices,
                                              AdapterSession::Events{.ready =
                                                                         [weak] {
                                                                           if (const auto self = weak.lock())
                                                                             self->session_ready();
                                                                         },
                                                                     .lost =
                                                                         [weak](const std::string& why) {
                                                                           if (const auto self = weak.lock())
                                                                             self->session_lost(why);
                                                                         }});
  watch();
  timer_.start(kReadyWithin,
               [this] { end(fmt::format("not ready within {} s of its start", kReadyWithin / 1s), false); });
  return {};
}

void Adapter::watch() {
  pidfd_.emplace(house_.loop, ::dup(process_->pidfd()));
  pidfd_->async_wait(Watched::wait_read, [weak = weak_from_this()](boost::system::error_code ec) {
    const auto self = weak.lock();
    if (self && !ec) self->look();
  });
}

void Adapter::look() {
  Exit exit;
  if (!process_) return;
  if (process_->ended(exit)) return exited(exit);
  watch();
}

void Adapter::exited(const Exit& exit) {
  const auto& name = plan_.options.name;
  timer_.cancel();
  kill_timer_.cancel();
  pidfd_.reset();
  process_.reset();
  out_->finish();
  err_->finish();
  if (session_) session_->cut("its process has ended");
  session_.reset();
  const bool was_ready = state_ == State::ready || (state_ == State::stopping && backoff_.failures() == 0);
  if (stopped_) {
    state_ = State::stopped;
    log_.info("adapter {}: stopped ({})", name, exit.text());
    const auto stopped = std::exchange(stopped_, nullptr);
    return stopped();
  }
  backoff_.down(house_.clock.now());
  if (backoff_.failures() == 0) failures_ = 0;
  // Its connection ends before its process does: what it then says itself is the reason.
  const bool said = !exit.by_signal && (exit.number == kMisconfigured || exit.number == kLater);
  if (said && why_.starts_with(kConnectionEnded)) why_.clear();
  last_end_ = !why_.empty() ? fmt::format("{} ({})", why_, exit.text()) : exit.text();
  const auto complaint = output_log_->last_complaint();
  if (why_.empty() && !complaint.empty()) last_end_ += ": " + complaint;
  if (!exit.by_signal && exit.number == kMisconfigured && why_.empty())
    return stand_still(State::misconfigured, "it says that its configuration is wrong: " + last_end_);
  const bool later = !exit.by_signal && exit.number == kLater && why_.empty();
  later_ = later ? later_ + 1 : 0;
  ++failures_;
  const auto wait = backoff_.next();
  state_ = State::waiting;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count();
  if (later) {
    log_.info("adapter {}: not now ({}); again in {} ms", name, last_end_, ms);
  } else {
    log_.error("adapter {}: ended{}: {}; again in {} ms{}", name, was_ready ? "" : " before it was ready",
               last_end_, ms,
               failures_ >= kCrashLoop ? fmt::format(" ({} failures in a row)", failures_) : "");
  }
  timer_.start(wait, [this] { launch(); });
}

void Adapter::end(std::string why, bool at_once) {
  if (!process_) return;
  if (why_.empty()) why_ = std::move(why);
  log_.warn("adapter {}: is ended: {}", plan_.options.name, why_);
  process_->signal(at_once ? SIGKILL : SIGTERM);
  if (!at_once) {
    kill_timer_.start(kGrace, [this] {
      if (process_) process_->signal(SIGKILL);
    });
  }
}

void Adapter::stop(std::function<void()> stopped) {
  timer_.cancel();
  if (!process_) {
    state_ = State::stopped;
    boost::asio::post(house_.loop, std::move(stopped));
    return;
  }
  state_ = State::stopping;
  stopped_ = std::move(stopped);
  process_->signal(SIGTERM);
  kill_timer_.start(kGrace, [this] {
    log_.warn("adapter {}: does not stop: killed", plan_.options.name);
    if (process_) process_->signal(SIGKILL);
  });
}

// ---- its connection

std::shared_ptr<AdapterSession> Adapter::admit(std::string_view password, const Peer& peer) {
  if (!session_ || !process_ || password_.empty() || password.size() != password_.size()) return nullptr;
  if (CRYPTO_memcmp(password.data(), password_.data(), password_.size()) != 0) return nullptr;
  if (!process_->owns(peer.pid)) return nullptr;
  OPENSSL_cleanse(password_.data(), password_.size());
  password_.clear();  // good once
  return session_;
}

void Adapter::session_ready() {
  if (state_ != State::starting) return;
  state_ = State::ready;
  timer_.cancel();
  backoff_.up(house_.clock.now());
  later_ = 0;
  answered_ = pinged_ = house_.clock.now();
  ping_open_ = false;
  log_.info("adapter {}: ready after {} ms", plan_.options.name,
            std::chrono::duration_cast<std::chrono::milliseconds>(house_.clock.now() - since_).count());
  since_ = house_.clock.now();
}

void Adapter::session_lost(const std::string& why) {
  if (!process_ || state_ == State::stopping) return;
  timer_.cancel();
  if (why_.empty()) why_ = std::string(kConnectionEnded) + why;
  kill_timer_.start(kGrace, [this] {
    if (process_) process_->signal(SIGKILL);
  });
}

// ---- watched

void Adapter::tick(MonoTime now) {
  output_log_->tick(now);
  if (!process_) return;
  if (session_) session_->tick(now);
  if (now - measured_ >= kMeasure) {
    measured_ = now;
    if (process_->measure(usage_, plan_.options.limits.processes > 1)) {
      if (auto broken = usage_watch_->look(now, usage_); !broken.empty() && why_.empty())
        end(std::move(broken), true);
    }
  }
  if (state_ == State::ready) ping(now);
}

void Adapter::ping(MonoTime now) {
  if (now - answered_ >= kHung && why_.empty())
    return end(fmt::format("it hangs: no answer to a ping for {} s", kHung / 1s), true);
  if (ping_open_ || now - pinged_ < kPing || !session_) return;
  pinged_ = now;
  ping_open_ = true;
  session_->call("ping", "", "{}", kHung, [weak = weak_from_this()](const result<AdapterAnswer>& answer) {
    const auto self = weak.lock();
    if (!self) return;
    self->ping_open_ = false;
    if (answer) self->answered_ = self->house_.clock.now();
  });
}

}  // namespace sluice::device
