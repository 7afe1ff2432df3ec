#include "uplink/resolver.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace sluice::uplink {
namespace {

using boost::asio::ip::tcp;

constexpr std::size_t kMostNames = 16;      // looked up at once
constexpr std::size_t kMostAddresses = 16;  // of one name

// The families take turns (RFC 8305, 4): a broken IPv6 costs one step and not all of them.
void alternate(Resolver::Endpoints& endpoints) {
  Resolver::Endpoints first, second, out;
  for (const auto& endpoint : endpoints)
    (endpoint.protocol() == endpoints.front().protocol() ? first : second).push_back(endpoint);
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) out.push_back(first[i]);
    if (i < second.size()) out.push_back(second[i]);
  }
  out.resize(std::min(out.size(), kMostAddresses));
  endpoints = std::move(out);
}

result<Resolver::Endpoints> look_up_now(const Lookup& lookup, const std::string& host, std::uint16_t port) {
  addrinfo* list = nullptr;
  const int rc = lookup(host.c_str(), std::to_string(port).c_str(), &list);
  if (rc != 0) {
    return Error{errc::unreachable,
                 fmt::format("the name {} does not resolve: {}; check cloud.endpoint and this machine's DNS",
                             host, rc == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(rc))};
  }
  Resolver::Endpoints endpoints;
  for (const auto* a = list; a != nullptr; a = a->ai_next) {
    tcp::endpoint endpoint;
    if (a->ai_addrlen > endpoint.capacity()) continue;
    endpoint.resize(a->ai_addrlen);
    std::memcpy(endpoint.data(), a->ai_addr, a->ai_addrlen);
    endpoints.push_back(endpoint);
  }
  if (list != nullptr) ::freeaddrinfo(list);
  if (endpoints.empty())
    return Error{errc::unreachable, fmt::format("the name {} has no address; check cloud.endpoint", host)};
  alternate(endpoints);
  return endpoints;
}

int system_lookup(const char* host, const char* port, addrinfo** list) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  return ::getaddrinfo(host, port, &hints, list);
}

}  // namespace

struct Resolver::Door {
  std::mutex mutex;
  Resolver* resolver = nullptr;  // null: it has gone, and perhaps the loop with it
};

Resolver::Resolver(boost::asio::io_context& loop, Lookup lookup)
    : loop_(loop),
      lookup_(lookup ? std::move(lookup) : Lookup(system_lookup)),
      door_(std::make_shared<Door>()) {
  door_->resolver = this;
}

Resolver::~Resolver() {
  const std::lock_guard lock(door_->mutex);
  door_->resolver = nullptr;
}

void Resolver::resolve(const std::string& host, std::uint16_t port, std::weak_ptr<void> who, Done done) {
  const auto key = fmt::format("{} {}", host, port);
  const auto [asked, first] = asked_.try_emplace(key);  // not the first: a lookup is under way
  auto& waiting = asked->second;
  std::erase_if(waiting, [](const auto& w) { return w.who.expired(); });
  waiting.push_back({std::move(who), std::move(done)});
  boost::system::error_code not_an_address;
  const auto address = boost::asio::ip::make_address(host, not_an_address);
  const auto answer_soon = [this, &key](result<Endpoints> endpoints) {
    boost::asio::post(loop_, [door = door_, key, endpoints = std::move(endpoints)] {
      if (door->resolver != nullptr) door->resolver->answer(key, endpoints);
    });
  };
  if (!not_an_address) return answer_soon(Endpoints{tcp::endpoint(address, port)});
  if (!first) return;
  if (!look_up(key, host, port)) {
    answer_soon(Error{errc::unreachable,
                      fmt::format("the name {} cannot be looked up: {} others have no answer yet; is this "
                                  "machine's DNS stuck?",
                                  host, asked_.size() - 1)});
  }
}

bool Resolver::look_up(const std::string& key, const std::string& host, std::uint16_t port) {
  if (asked_.size() > kMostNames) return false;
  // Signals belong to the main thread, which waits for them on the loop.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = true;
  try {
    std::thread([door = door_, lookup = lookup_, key, host, port] {
      auto endpoints = look_up_now(lookup, host, port);
      const std::lock_guard lock(door->mutex);
      if (door->resolver == nullptr) return;
      boost::asio::post(door->resolver->loop_, [door, key, endpoints = std::move(endpoints)] {
        if (door->resolver != nullptr) door->resolver->answer(key, endpoints);
      });
    }).detach();
  } catch (const std::system_error&) {
    started = false;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

void Resolver::answer(const std::string& key, const result<Endpoints>& endpoints) {
  const auto it = asked_.find(key);
  if (it == asked_.end()) return;
  const auto waiting = std::move(it->second);
  asked_.erase(it);
  for (const auto& w : waiting) {
    if (!w.who.expired()) w.done(endpoints);
  }
}

}  // namespace sluice::uplink
