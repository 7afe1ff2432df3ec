// The main() of an adapter: --describe, the start object, the connection, signals, exit codes. Each adapter's
// main.cpp is a Description and a call of run().
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "plugins/sdk/adapter.hpp"

namespace sluice::adapter {

struct Description {
  std::string kind, version, text;
  bool network = false;
  Json schema;  // as in docs/adapters.md, --describe
};

// Where the gateway itself listens for devices.
struct ListenerAddress {
  std::string address;
  std::uint16_t port = 0;
};

// What the daemon has said at the start.
struct Start {
  std::string name, product;
  Json section;  // valid by the schema, defaults filled in
  std::vector<ListenerAddress> listeners = {};
  std::size_t most_devices = 0, inflight = 0, packet_size = 0;
};

struct House {
  boost::asio::io_context& loop;
  Clock& clock;
  Gateway& gateway;
};

// A driver, or why the section cannot be (exit code 64).
using MakeDriver = std::function<result<std::unique_ptr<Driver>>(const Start& start, House house)>;

// The process's exit code.
int run(int argc, char** argv, const Description& description, const MakeDriver& make);

}  // namespace sluice::adapter
