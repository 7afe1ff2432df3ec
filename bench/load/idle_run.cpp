// Mode idle: connections that only exist.
#include <cstdio>
#include <memory>

#include "load/loop.hpp"
#include "load/report.hpp"
#include "load/runs.hpp"

namespace sluice::load {
namespace {

class Idler : public Connection {
 public:
  using Connection::Connection;

 protected:
  void opened(std::uint16_t) override {}
  std::size_t take(std::string_view bytes) override { return bytes.size(); }
};

}  // namespace

int run_idle(const Options& options) {
  Loop loop(options);
  std::vector<std::unique_ptr<Idler>> idlers;
  std::vector<Connection*> connections;
  for (unsigned i = 0; i < options.clients; ++i) {
    idlers.push_back(std::make_unique<Idler>(loop, options, options.first + i));
    connections.push_back(idlers.back().get());
  }
  const Nanos start = now();
  if (!loop.open_all(connections)) {
    std::fprintf(stderr, "mqtt-load: %s\n", loop.failure().c_str());
    return 1;
  }
  const Nanos opened = now();
  std::printf("ready\n");
  std::fflush(stdout);
  Pinger pinger(connections, options);
  const Nanos until = opened + static_cast<Nanos>(options.seconds * kSecond);
  while (now() < until && !loop.stopped()) {
    loop.run_once(std::min(until, pinger.next()));
    pinger.run();
  }
  Report report(options);
  report.add("clients", options.clients);
  report.add("open_s", static_cast<double>(opened - start) / kSecond);
  report.add("open", loop.open());
  report.add("connections_lost", static_cast<double>(loop.lost()));
  report.print();
  return loop.open() == options.clients ? 0 : 1;
}

}  // namespace sluice::load
