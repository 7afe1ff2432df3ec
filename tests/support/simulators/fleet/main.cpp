// sluice-fleet: N devices that speak MQTT to a gateway, reconnect, and note each reading that was
// acknowledged.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <boost/program_options.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "fleet/device.hpp"

namespace po = boost::program_options;

namespace sluice::fleet {
namespace {

constexpr int kUsage = 64, kFailed = 1;
constexpr Duration kTick = 5ms, kLastAcks = 3s;

// Produces at the wished rate, evenly over the devices; ends everything when it is time.
class Pacer {
 public:
  Pacer(Fleet& fleet, std::vector<std::unique_ptr<Device>>& devices, bool reports)
      : fleet_(fleet),
        devices_(devices),
        tick_(fleet.clock),
        report_(fleet.clock),
        end_(fleet.clock),
        reports_(reports) {}

  void start() {
    last_ = fleet_.clock.now();
    tick();
    if (reports_) report();
    if (fleet_.options.seconds > 0)
      end_.start(std::chrono::seconds(fleet_.options.seconds), [this] { stop(); });
  }
  // No more readings; what is under way may still be acknowledged.
  void stop() {
    if (fleet_.stopping) return;
    fleet_.stopping = true;
    tick_.cancel();
    end_.start(kLastAcks, [this] { leave(); });
    wait_for_acks();
  }

 private:
  void tick() {
    const auto now = fleet_.clock.now();
    // At most one second's worth is made up for after a stall.
    due_ = std::min(due_ + fleet_.options.rate * std::chrono::duration<double>(now - last_).count(),
                    std::max(fleet_.options.rate, 1.0));
    last_ = now;
    std::size_t in_vain = 0;
    while (due_ >= 1 && in_vain < devices_.size()) {
      if (devices_[next_++ % devices_.size()]->produce()) {
        due_ -= 1;
        in_vain = 0;
      } else {
        ++in_vain;
      }
    }
    tick_.start(kTick, [this] { tick(); });
  }
  void wait_for_acks() {
    if (std::ranges::all_of(devices_, [](const auto& d) { return d->unacked() == 0; })) return leave();
    tick_.start(kTick, [this] { wait_for_acks(); });
  }
  void leave() {
    tick_.cancel();
    report_.cancel();
    for (const auto& device : devices_) device->stop();
    end_.start(1s, [this] { fleet_.loop.stop(); });
    wait_for_goodbyes();
  }
  void wait_for_goodbyes() {
    if (std::ranges::none_of(devices_, [](const auto& d) { return d->connected(); }))
      return fleet_.loop.stop();
    tick_.start(kTick, [this] { wait_for_goodbyes(); });
  }
  void report() {
    const auto& s = fleet_.statistics;
    const auto up = std::ranges::count_if(devices_, [](const auto& d) { return d->connected(); });
    fmt::print("connected {}  acked {} (+{})  failures {}\n", up, s.acked, s.acked - reported_, s.failures);
    std::fflush(stdout);
    reported_ = s.acked;
    report_.start(1s, [this] { report(); });
  }

  Fleet& fleet_;
  std::vector<std::unique_ptr<Device>>& devices_;
  Timer tick_, report_, end_;
  MonoTime last_{};
  double due_ = 0;
  std::size_t next_ = 0;
  std::uint64_t reported_ = 0;
  bool reports_;
};

void print_summary(Fleet& fleet, std::size_t unacked) {
  auto& s = fleet.statistics;
  std::sort(s.ack_us.begin(), s.ack_us.end());
  const auto percentile = [&](double p) {
    if (s.ack_us.empty()) return 0.0;
    return s.ack_us[static_cast<std::size_t>(p * static_cast<double>(s.ack_us.size() - 1))] / 1000.0;
  };
  fmt::print(
      "produced {}  acked {}  unacked {}  refused {}  sent again {}  connects {}  failures {}  "
      "ack p50 {:.1f} ms p99 {:.1f} ms\n",
      s.produced, s.acked, unacked, s.refused, s.sent_again, s.connects, s.failures, percentile(0.5),
      percentile(0.99));
  if (!s.last_failure.empty()) fmt::print("last failure: {}\n", s.last_failure);
}

po::options_description described_options() {
  po::options_description options("sluice-fleet --url URL [--url URL ...] [options]");
  options.add_options()("help,h", "print this")(
      "url", po::value<std::vector<std::string>>(),
      "mqtt://, mqtts://, ws://, wss:// HOST[:PORT]; devices take turns")(
      "devices", po::value<std::size_t>()->default_value(10), "how many")(
      "rate", po::value<double>()->default_value(10), "readings per second, of all devices together")(
      "prefix", po::value<std::string>()->default_value("dev-"),
      "device ids are PREFIX0001 ...; also the client ids")(
      "topic", po::value<std::string>()->default_value("d/{device}/temp"), "")(
      "tokens", po::value<std::string>(), "file with lines DEVICE TOKEN: username and password")(
      "qos", po::value<unsigned>()->default_value(1), "0, 1 or 2")(
      "mqtt", po::value<unsigned>()->default_value(5), "5 or 4 (3.1.1)")(
      "window", po::value<std::uint16_t>()->default_value(64), "unacknowledged readings of a device")(
      "payload-bytes", po::value<std::size_t>()->default_value(0), "pad the payload to this size")(
      "ca", po::value<std::string>(), "PEM, for mqtts and wss")("insecure",
                                                                "do not verify the gateway's certificate")(
      "log", po::value<std::string>(), "append DEVICE SEQ for each acknowledged reading")(
      "seconds", po::value<std::uint64_t>()->default_value(0), "end after this time; 0: when stopped")(
      "report", "one line each second")("verbose", "say why connections end");
  return options;
}

result<FleetOptions> read_options(const po::variables_map& given) {
  FleetOptions options;
  if (!given.contains("url")) return Error{errc::invalid_argument, "--url is missing: where is the gateway?"};
  for (const auto& text : given["url"].as<std::vector<std::string>>()) {
    auto url = parse_url(text);
    if (url.has_error()) return url.error();
    options.urls.push_back(std::move(*url));
  }
  options.devices = given["devices"].as<std::size_t>();
  options.rate = given["rate"].as<double>();
  options.prefix = given["prefix"].as<std::string>();
  options.topic = given["topic"].as<std::string>();
  const auto qos = given["qos"].as<unsigned>();
  const auto version = given["mqtt"].as<unsigned>();
  options.qos = static_cast<std::uint8_t>(qos);
  options.version = version == 4 ? mqtt::Version::v311 : mqtt::Version::v5;
  options.window = given["window"].as<std::uint16_t>();
  options.payload_bytes = given["payload-bytes"].as<std::size_t>();
  options.verify = !given.contains("insecure");
  if (given.contains("ca")) options.ca = given["ca"].as<std::string>();
  options.seconds = given["seconds"].as<std::uint64_t>();
  if (options.devices == 0 || options.rate < 0 || qos > 2 || (version != 4 && version != 5) ||
      options.window == 0) {
    return Error{errc::invalid_argument, "devices, rate, qos, mqtt or window is out of range; see --help"};
  }
  if (given.contains("tokens")) {
    std::ifstream file(given["tokens"].as<std::string>());
    if (!file) return Error{errc::io, given["tokens"].as<std::string>() + " cannot be read"};
    for (std::string device, token; file >> device >> token;) options.tokens[device] = token;
  }
  return options;
}

int run(int argc, char** argv) {
  const auto described = described_options();
  po::variables_map given;
  try {
    po::store(po::command_line_parser(argc, argv).options(described).run(), given);
  } catch (const po::error& e) {
    fmt::print(stderr, "sluice-fleet: {}\nTry: sluice-fleet --help\n", e.what());
    return kUsage;
  }
  if (given.contains("help")) {
    std::cout << described;
    return 0;
  }
  const auto options = read_options(given);
  if (options.has_error()) {
    fmt::print(stderr, "sluice-fleet: {}\n", options.error().text);
    return kUsage;
  }
  // A thousand devices are a thousand sockets.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  boost::asio::io_context loop(1);
  boost::asio::ssl::context tls(boost::asio::ssl::context::tls_client);
  tls.set_verify_mode(options->verify ? boost::asio::ssl::verify_peer : boost::asio::ssl::verify_none);
  if (options->ca.empty()) {
    tls.set_default_verify_paths();
  } else {
    tls.load_verify_file(options->ca);
  }
  AckedLog acked;
  if (given.contains("log")) {
    if (const auto opened = acked.open(given["log"].as<std::string>()); opened.has_error()) {
      fmt::print(stderr, "sluice-fleet: {}\n", opened.error().text);
      return kFailed;
    }
  }
  const auto clock = make_system_clock(loop);
  Fleet fleet{loop,     *clock, tls,
              *options, acked,  make_stderr_log(given.contains("verbose") ? Level::debug : Level::warning)};
  std::vector<std::unique_ptr<Device>> devices;
  devices.reserve(options->devices);
  for (std::size_t i = 0; i < options->devices; ++i) devices.push_back(std::make_unique<Device>(fleet, i));
  Pacer pacer(fleet, devices, given.contains("report"));
  boost::asio::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) pacer.stop();
  });
  for (const auto& device : devices) device->start();
  pacer.start();
  loop.run();
  std::size_t unacked = 0;
  for (const auto& device : devices) unacked += device->unacked();
  acked.flush();
  print_summary(fleet, unacked);
  return 0;
}

}  // namespace
}  // namespace sluice::fleet

int main(int argc, char** argv) {
  try {
    return sluice::fleet::run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "sluice-fleet: {}\n", e.what());
    return 1;
  }
}
