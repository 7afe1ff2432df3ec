// Names to addresses without blocking the loop. Each name is looked up on a thread of its own that nobody
// waits for: a resolver that hangs costs that name its answer, and neither the loop, another name, nor the
// end of the program. Used by Connection; loop thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "uplink/cloud_link.hpp"

namespace sluice::uplink {

class Resolver {
 public:
  using Endpoints = std::vector<boost::asio::ip::tcp::endpoint>;
  using Done = std::function<void(result<Endpoints>)>;

  Resolver(boost::asio::io_context& loop, Lookup lookup);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `done` on the loop, later, unless `who` has gone. An address is its own answer.
  void resolve(const std::string& host, std::uint16_t port, std::weak_ptr<void> who, Done done);

 private:
  struct Door;
  struct Waiting {
    std::weak_ptr<void> who;
    Done done;
  };
  void answer(const std::string& key, const result<Endpoints>& endpoints);
  bool look_up(const std::string& key, const std::string& host, std::uint16_t port);

  boost::asio::io_context& loop_;
  const Lookup lookup_;
  std::shared_ptr<Door> door_;  // between the threads and the loop
  std::map<std::string, std::vector<Waiting>>
      asked_;  // by host and port: those who ask together share an answer
};

}  // namespace sluice::uplink
