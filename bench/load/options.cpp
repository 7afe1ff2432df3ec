#include "load/options.hpp"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>

namespace sluice::load {
namespace {

constexpr char kUsage[] = R"(usage: mqtt-load MODE [options]

modes
  window   every client keeps --window QoS 1 publishes unacknowledged; prints acknowledged per second
  rate     --rate messages per second on a fixed schedule; prints latency, scheduled time to PUBACK
  count    every client sends --messages, then the program ends when all are acknowledged
  idle     opens the clients and holds them; prints "ready" when all are open
  sink     subscribes to --topic and counts; prints "ready" when subscribed

where
  --host H --port P | --unix PATH      127.0.0.1 1883
  --v5                                 MQTT 5 instead of 3.1.1
  --sources N                          dial from N addresses, 127.0.0.2 on (for > 20,000 clients)
  --parallel N                         handshakes at the same time (200)
who
  --clients N --first I                (1, 0) client indexes I .. I+N-1
  --client-prefix TEXT                 client id is TEXT and index (load-)
  --username PATTERN --password PATTERN   %c is the client's index
  --keep-alive S --persistent          (60) clean session off
  --reconnect                          dial again when a connection is lost; send again what has no PUBACK
what
  --topic PATTERN                      (load/%c, sink: #) %c client's index, %s running number
  --payload zeros|json --size BYTES    (zeros, 200) json: {"device":"<client id>","seq":N,...}
  --qos 0|1 --window N --rate N --messages N
how long
  --seconds S --warmup S               (10, 1); idle: from "ready"; sink: the latest end
  --count N --count-token TEXT         sink: ends after N messages, or N occurrences of TEXT in payloads
output
  --json                               the last line of stdout is the result as JSON
  --log FILE                           a line "client-id seq" for every acknowledged message
                                       (sink: for every reading of --payload json received)
)";

[[noreturn]] void refuse(const std::string& text) {
  std::fprintf(stderr, "mqtt-load: %s\n\n%s", text.c_str(), kUsage);
  std::exit(64);
}

double number(const std::string& key, const std::string& value, double least, double most) {
  char* end = nullptr;
  const double result = std::strtod(value.c_str(), &end);
  if (value.empty() || *end != '\0' || !(result >= least && result <= most)) {
    refuse(key + " " + value + ": expected a number from " + std::to_string(least) + " to " +
           std::to_string(most));
  }
  return result;
}

Mode mode_of(const std::string& text) {
  for (Mode mode : {Mode::window, Mode::rate, Mode::count, Mode::idle, Mode::sink}) {
    if (text == name(mode)) return mode;
  }
  refuse("no mode " + text);
}

}  // namespace

const char* name(Mode mode) {
  switch (mode) {
    case Mode::window:
      return "window";
    case Mode::rate:
      return "rate";
    case Mode::count:
      return "count";
    case Mode::idle:
      return "idle";
    case Mode::sink:
      return "sink";
  }
  return "";
}

Options read_options(int argc, char** argv) {
  if (argc < 2) refuse("no mode");
  const std::string first = argv[1];
  if (first == "--help" || first == "-h") {
    std::fputs(kUsage, stdout);
    std::exit(0);
  }
  Options o;
  o.mode = mode_of(first);
  if (o.mode == Mode::sink) o.topic = "#";

  const std::map<std::string, std::function<void()>> flags{
      {"--v5", [&] { o.v5 = true; }},
      {"--persistent", [&] { o.persistent = true; }},
      {"--reconnect", [&] { o.reconnect = true; }},
      {"--json", [&] { o.json = true; }},
  };
  using Set = std::function<void(const std::string& key, const std::string& value)>;
  const auto text = [](std::string& to) -> Set {
    return [&to](const auto&, const auto& value) { to = value; };
  };
  const auto num = [](auto& to, double least, double most) -> Set {
    return [&to, least, most](const auto& key, const auto& value) {
      to = static_cast<std::decay_t<decltype(to)>>(number(key, value, least, most));
    };
  };
  const std::map<std::string, Set> values{
      {"--host", text(o.host)},
      {"--port", num(o.port, 1, 65535)},
      {"--unix", text(o.unix_path)},
      {"--sources", num(o.sources, 1, 200)},
      {"--parallel", num(o.parallel, 1, 10'000)},
      {"--clients", num(o.clients, 1, 1'000'000)},
      {"--first", num(o.first, 0, 1e9)},
      {"--client-prefix", text(o.client_prefix)},
      {"--username", text(o.username)},
      {"--password", text(o.password)},
      {"--keep-alive", num(o.keep_alive, 0, 65535)},
      {"--topic", text(o.topic)},
      {"--payload",
       [&](const auto&, const auto& value) {
         if (value != "zeros" && value != "json") refuse("--payload " + value + ": expected zeros or json");
         o.payload = value == "json" ? Payload::json : Payload::zeros;
       }},
      {"--size", num(o.size, 0, 64e6)},
      {"--qos", num(o.qos, 0, 1)},
      {"--window", num(o.window, 1, 65535)},
      {"--rate", num(o.rate, 0.001, 1e8)},
      {"--messages", num(o.messages, 1, 1e12)},
      {"--seconds",
       [&](const auto& key, const auto& value) {
         o.seconds = number(key, value, 0.001, 1e7);
         o.seconds_given = true;
       }},
      {"--warmup", num(o.warmup, 0, 1e6)},
      {"--count", num(o.count, 1, 1e12)},
      {"--count-token", text(o.count_token)},
      {"--log", text(o.log)},
  };
  for (int i = 2; i < argc; ++i) {
    const std::string key = argv[i];
    if (const auto flag = flags.find(key); flag != flags.end()) {
      flag->second();
    } else if (const auto value = values.find(key); value == values.end()) {
      refuse("no option " + key);
    } else if (i + 1 == argc) {
      refuse(key + " needs a value");
    } else {
      value->second(key, argv[++i]);
    }
  }
  if (o.window == 0) o.window = o.mode == Mode::rate ? 1000 : 100;
  if (o.qos == 0 && o.mode == Mode::rate) refuse("mode rate measures PUBACKs: it needs --qos 1");
  return o;
}

std::string expand(const std::string& pattern, unsigned client, const std::string& seq) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '%' && i + 1 < pattern.size() && (pattern[i + 1] == 'c' || pattern[i + 1] == 's')) {
      out += pattern[++i] == 'c' ? std::to_string(client) : seq;
    } else {
      out += pattern[i];
    }
  }
  return out;
}

}  // namespace sluice::load
