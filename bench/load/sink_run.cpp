// Mode sink: subscribes, acknowledges and counts.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>

#include "load/loop.hpp"
#include "load/report.hpp"
#include "load/runs.hpp"
#include "mqtt/codec.hpp"

namespace sluice::load {
namespace {

struct Seen {
  std::uint64_t messages = 0, tokens = 0, bytes = 0;
  unsigned subscribed = 0;
  Nanos first = 0, last = 0;
  Lines* log = nullptr;
};

class Sink : public Connection {
 public:
  Sink(Loop& loop, const Options& options, unsigned index, Seen& seen)
      : Connection(loop, options, index),
        options_(options),
        version_(options.v5 ? mqtt::Version::v5 : mqtt::Version::v311),
        seen_(seen) {}

  void flush() override {
    while (is_open() && !out_.empty()) {
      const iovec part{out_.data(), out_.size()};
      const std::size_t took = send(&part, 1);
      if (took == 0) return;
      out_.erase(0, took);
    }
  }

 protected:
  void opened(std::uint16_t) override {
    out_.clear();
    const std::string filter = expand(options_.topic, index());
    mqtt::Subscribe packet;
    packet.packet_id = 1;
    packet.entries.emplace_back().filter = filter;
    packet.entries.back().qos = static_cast<std::uint8_t>(options_.qos);
    mqtt::encode(packet, version_, out_);
  }
  void writable() override { flush(); }
  bool between_packets() const override { return out_.empty(); }

  std::size_t take(std::string_view bytes) override {
    std::size_t used = 0;
    for (mqtt::FixedHeader header; used < bytes.size(); used += header.total()) {
      const std::string_view rest = bytes.substr(used);
      const mqtt::HeaderStatus status = mqtt::read_fixed_header(rest, header);
      if (status == mqtt::HeaderStatus::malformed) {
        lose("malformed packet from the server");
        break;
      }
      if (status == mqtt::HeaderStatus::incomplete || header.total() > rest.size()) break;
      if (!take_packet(rest.substr(0, header.total()), header)) break;
    }
    if (!out_.empty()) mark();
    return used;
  }

 private:
  bool take_packet(std::string_view packet, const mqtt::FixedHeader& header) {
    if (header.type() == mqtt::PacketType::publish) {
      mqtt::DecodeError error;
      if (!mqtt::decode_publish(packet, header, version_, publish_, error)) {
        lose(error.text);
        return false;
      }
      if (publish_.qos == 1) mqtt::encode_ack(mqtt::PacketType::puback, publish_.packet_id, out_);
      count(publish_.payload);
    } else if (header.type() == mqtt::PacketType::suback) {
      const mqtt::Decoded decoded = mqtt::decode(packet, version_);
      const auto* suback = decoded.packet ? std::get_if<mqtt::Suback>(&*decoded.packet) : nullptr;
      if (suback == nullptr || static_cast<unsigned>(suback->reasons.at(0)) >= 0x80) {
        lose("the subscription was refused");
        return false;
      }
      ++seen_.subscribed;
    } else if (header.type() == mqtt::PacketType::disconnect) {
      lose("DISCONNECT from the server");
      return false;
    }
    return true;
  }

  void count(std::string_view payload) {
    seen_.last = now();
    if (seen_.first == 0) seen_.first = seen_.last;
    ++seen_.messages;
    seen_.bytes += payload.size();
    if (options_.count_token.empty()) {
      ++seen_.tokens;
    } else {
      for (std::size_t at = 0; (at = payload.find(options_.count_token, at)) != std::string_view::npos;
           at += options_.count_token.size()) {
        ++seen_.tokens;
      }
    }
    if (seen_.log != nullptr) log_readings(payload);
  }

  // Every "device":"..." with the "seq":N that follows it: what mode count with --payload json has sent,
  // one in a payload or many in a batch.
  void log_readings(std::string_view payload) {
    constexpr std::string_view kDevice = "\"device\":\"", kSeq = "\"seq\":";
    for (std::size_t at = 0; (at = payload.find(kDevice, at)) != std::string_view::npos;) {
      at += kDevice.size();
      const std::size_t quote = payload.find('"', at);
      std::size_t seq = payload.find(kSeq, at);
      if (quote == std::string_view::npos || seq == std::string_view::npos) return;
      const std::string_view device = payload.substr(at, quote - at);
      seq = std::min(payload.find_first_not_of(' ', seq + kSeq.size()), payload.size());
      std::uint64_t number = 0;
      std::from_chars(payload.data() + seq, payload.data() + payload.size(), number);
      seen_.log->line(device, number);
      at = seq;
    }
  }

  const Options& options_;
  mqtt::Version version_;
  Seen& seen_;
  mqtt::Publish publish_;
  std::string out_;
};

}  // namespace

int run_sink(const Options& options) {
  Loop loop(options);
  Seen seen;
  std::optional<Lines> log;
  if (!options.log.empty()) seen.log = &log.emplace(options.log);
  std::vector<std::unique_ptr<Sink>> sinks;
  std::vector<Connection*> connections;
  for (unsigned i = 0; i < options.clients; ++i) {
    sinks.push_back(std::make_unique<Sink>(loop, options, options.first + i, seen));
    connections.push_back(sinks.back().get());
  }
  if (!loop.open_all(connections)) {
    std::fprintf(stderr, "mqtt-load: %s\n", loop.failure().c_str());
    return 1;
  }
  Pinger pinger(connections, options);
  bool ready = false;
  const Nanos until = now() + static_cast<Nanos>(options.seconds * kSecond);
  while (now() < until && !loop.stopped() && (options.reconnect || loop.open() > 0) &&
         (options.count == 0 || seen.tokens < options.count)) {
    if (!ready && seen.subscribed >= options.clients) {
      ready = true;
      std::printf("ready\n");
      std::fflush(stdout);
    }
    loop.run_once(std::min({until, pinger.next(), now() + kSecond / 5}));
    pinger.run();
    if (log) log->write();
  }
  const double seconds = static_cast<double>(seen.last - seen.first) / kSecond;
  Report report(options);
  report.add("seconds", seconds);
  report.add("messages", static_cast<double>(seen.messages));
  report.add("tokens", static_cast<double>(seen.tokens));
  report.add("bytes", static_cast<double>(seen.bytes));
  report.add("messages_per_s", seconds > 0 ? static_cast<double>(seen.messages) / seconds : 0);
  report.add("tokens_per_s", seconds > 0 ? static_cast<double>(seen.tokens) / seconds : 0);
  report.add("connections_lost", static_cast<double>(loop.lost()));
  report.print();
  const bool lost = loop.lost() > 0 && !options.reconnect;
  if (!lost && (options.count == 0 || seen.tokens >= options.count)) return 0;
  std::fprintf(stderr, "mqtt-load: saw %llu of %llu. %s\n", static_cast<unsigned long long>(seen.tokens),
               static_cast<unsigned long long>(options.count), loop.failure().c_str());
  return 1;
}

}  // namespace sluice::load
