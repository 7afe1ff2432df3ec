#include "load/loop.hpp"

#include <netdb.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace sluice::load {
namespace {

constexpr unsigned kPortsPerSource = 20'000;
constexpr Nanos kDialDeadline = 60 * kSecond;

[[noreturn]] void impossible(const std::string& text) {
  std::fprintf(stderr, "mqtt-load: %s\n", text.c_str());
  std::exit(1);
}

std::vector<char> bytes_of(const void* address, std::size_t size) {
  const char* at = static_cast<const char*>(address);
  return {at, at + size};
}

std::vector<char> resolve(const Options& options) {
  if (!options.unix_path.empty()) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (options.unix_path.size() >= sizeof address.sun_path) impossible("--unix: the path is too long");
    std::memcpy(address.sun_path, options.unix_path.data(), options.unix_path.size());
    return bytes_of(&address, sizeof address);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(options.host.c_str(), std::to_string(options.port).c_str(), &hints, &found);
  if (error != 0) impossible("--host " + options.host + ": " + gai_strerror(error));
  std::vector<char> address = bytes_of(found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return address;
}

void raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Nanos now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

Loop::Loop(const Options& options) : options_(options), address_(resolve(options)), buffer_(256 * 1024) {
  raise_open_files();
  sources_ = options.sources;
  const bool loopback = options.unix_path.empty() && options.host.starts_with("127.");
  if (sources_ == 0 && loopback && options.clients > kPortsPerSource)
    sources_ = options.clients / kPortsPerSource + 1;

  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signals_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (epoll_ < 0 || signals_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, signals_, &event) != 0)
    impossible("no epoll");
}

Loop::~Loop() {
  ::close(epoll_);
  ::close(signals_);
}

void Loop::run_once(Nanos deadline) {
  if (!dirty_.empty()) deadline = 0;
  for (const Retry& retry : retries_) deadline = std::min(deadline, retry.when);
  const Nanos wait = std::max<Nanos>(deadline - now(), 0);
  const timespec timeout{wait / kSecond, wait % kSecond};
  epoll_event events[512];
  const int count = epoll_pwait2(epoll_, events, 512, &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    if (events[i].data.ptr == nullptr) {
      stopped_ = true;
    } else {
      static_cast<Connection*>(events[i].data.ptr)->handle(events[i].events);
    }
  }
  flushing_.swap(dirty_);  // a flush may mark again, for the next turn
  for (Connection* connection : flushing_) {
    connection->dirty_ = false;
    connection->flush();
  }
  flushing_.clear();
  if (retries_.empty()) return;
  std::vector<Connection*> due;
  std::erase_if(retries_, [&, at = now()](const Retry& retry) {
    if (retry.when > at) return false;
    due.push_back(retry.connection);
    return true;
  });
  for (Connection* connection : due) connection->dial();
}

bool Loop::open_all(const std::vector<Connection*>& connections) {
  const Nanos deadline = now() + kDialDeadline;
  std::size_t started = 0;
  while (open_ < connections.size() && !stopped_) {
    if (now() > deadline) {
      failure_ = "only " + std::to_string(open_) + " clients could be opened in time";
      return false;
    }
    while (started < connections.size() && dialling_ < options_.parallel) connections[started++]->dial();
    run_once(now() + kSecond / 10);
  }
  return open_ == connections.size();
}

Pinger::Pinger(std::vector<Connection*> connections, const Options& options)
    : connections_(std::move(connections)) {
  if (options.keep_alive == 0) {
    next_ = now() + 1'000'000 * kSecond;
    return;
  }
  gap_ = options.keep_alive * kSecond / 2 / static_cast<Nanos>(connections_.size());
  next_ = now() + gap_;
}

void Pinger::run() {
  for (const Nanos at = now(); next_ <= at; next_ += gap_) {
    connections_[at_]->send_ping();
    at_ = (at_ + 1) % connections_.size();
  }
}

}  // namespace sluice::load
