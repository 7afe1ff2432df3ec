// smp-update: the SMP target of the adapter from a shell, for the system tests: one update on one real or
// simulated device, each step printed as a line of JSON.
#include <fmt/format.h>

#include <boost/program_options.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/task.hpp"
#include "plugins/smp/mcuboot_image.hpp"
#include "plugins/smp/report.hpp"
#include "plugins/smp/serial_transport.hpp"
#include "plugins/smp/udp_transport.hpp"
#include "tests/support/smp_update/send_file.hpp"

namespace po = boost::program_options;
namespace asio = boost::asio;

namespace sluice::smp {
namespace {

using Json = nlohmann::json;

struct Asked {
  std::string port, address, file;
  std::uint16_t udp_port = 0;
  int reply_ms = 0, least_reply_ms = 0, poll_ms = 0;
  std::vector<std::string> steps;
};

void say(const Json& line) {
  fmt::print("{}\n", line.dump());
  std::fflush(stdout);
}

class Update {
 public:
  Update(asio::io_context& loop, Clock& clock, Transport& transport, Asked asked, std::string image, Log log)
      : clock_(clock),
        log_(log),
        image_(std::move(image)),
        steps_(asked.steps),
        target_(loop, clock, transport, options(asked), log) {
    if (const auto parsed = image_of(image_)) hash_ = parsed->hash;
  }

  asio::awaitable<void> run() {
    for (const auto& step : steps_) {
      const auto begun = clock_.now();
      auto said = co_await take(step);
      const auto took = std::chrono::duration<double>(clock_.now() - begun).count();
      if (!said) {
        say({{"step", step}, {"ok", false}, {"text", said.error().text}, {"seconds", took}});
        co_return;
      }
      said->update({{"step", step}, {"ok", true}, {"seconds", took}});
      say(*said);
    }
    good = true;
  }
  bool good = false;

 private:
  static TargetOptions options(const Asked& asked) {
    TargetOptions options;
    options.usual.reply = std::chrono::milliseconds(asked.reply_ms);
    options.usual.attempts = 10;
    options.silent_packets = 20;
    options.least_reply = std::chrono::milliseconds(asked.least_reply_ms);
    options.poll = std::chrono::milliseconds(asked.poll_ms);
    return options;
  }

  static result<Json> told(Json words) {
    return result<Json>(boost::system::in_place_value, std::move(words));
  }
  static result<Json> done(const result<>& outcome) {
    if (!outcome) return outcome.error();
    return told(Json::object());
  }

  asio::awaitable<result<Json>> take(std::string step) {
    if (step == "probe") {
      const auto facts = co_await target_.probe();
      if (!facts) co_return facts.error();
      co_return told({{"safety", to_string(facts->safety)},
                      {"mode", to_string(facts->mode)},
                      {"max_message", facts->max_message},
                      {"active", active_report(facts->slots)},
                      {"slots", slots_report(facts->slots)}});
    }
    if (step == "echo") {
      const auto text = co_await target_.echo("hello");
      if (!text) co_return text.error();
      co_return told({{"said", *text}});
    }
    if (step == "send") {
      SendFile file;
      file.head = {image_.size(), sha256(image_), {}, false};
      file.read = [this](std::uint64_t offset, std::size_t most) -> result<std::string> {
        return image_.substr(offset, most);
      };
      const auto sent = co_await send_file(target_, clock_, std::move(file), log_);
      if (!sent) co_return sent.error();
      const auto& c = target_.exchange().counters();
      co_return told({{"restarts", sent->restarts},
                      {"resumed_at", sent->resumed_at},
                      {"requests", c.sent},
                      {"timeouts", c.timeouts}});
    }
    if (step == "verify") {
      const auto slot = co_await target_.verify(hash_);
      if (!slot) co_return slot.error();
      co_return told({{"slot", slot->slot}, {"version", slot->version}});
    }
    if (step == "activate") co_return done(co_await target_.activate(hash_));
    if (step == "reboot") {
      const auto boot = co_await target_.reboot(hash_);
      if (!boot) co_return boot.error();
      co_return told({{"boot", to_string(*boot)}});
    }
    if (step == "confirm") co_return done(co_await target_.confirm(hash_));
    if (step == "revert") co_return done(co_await target_.revert(hash_));
    if (step == "erase") co_return done(co_await target_.erase({}));
    co_return Error{errc::invalid_argument, fmt::format("no step '{}'", step)};
  }

  Clock& clock_;
  Log log_;
  std::string image_, hash_;
  std::vector<std::string> steps_;
  SmpTarget target_;
};

int run(const Asked& asked) {
  asio::io_context loop{1};
  const auto clock = make_system_clock(loop);
  const Log log = make_stderr_log(Level::info);
  std::ifstream in(asked.file, std::ios::binary);
  std::string image{std::istreambuf_iterator<char>(in), {}};
  std::unique_ptr<Transport> transport;
  if (!asked.port.empty()) {
    transport = make_serial_transport(loop, *clock, {asked.port}, log);
  } else {
    auto udp = make_udp_transport(loop, asked.address, asked.udp_port, log);
    if (!udp) {
      say({{"ok", false}, {"text", udp.error().text}});
      return 1;
    }
    transport = std::move(*udp);
  }
  Update update(loop, *clock, *transport, asked, std::move(image), log);
  spawn(loop, log, "update", [&] { return update.run(); }, [&](bool) { loop.stop(); });
  loop.run();
  return update.good ? 0 : 1;
}

}  // namespace
}  // namespace sluice::smp

int main(int argc, char** argv) {
  sluice::smp::Asked asked;
  po::options_description options(
      "smp-update (--port PATH | --address IP --udp-port N) [--file IMAGE] STEP...");
  auto add = options.add_options();
  add("port", po::value(&asked.port), "serial line");
  add("address", po::value(&asked.address)->default_value("127.0.0.1"), "UDP");
  add("udp-port", po::value(&asked.udp_port)->default_value(1337), "UDP");
  add("file", po::value(&asked.file), "MCUboot image");
  add("reply-ms", po::value(&asked.reply_ms)->default_value(2500), "patience");
  add("least-reply-ms", po::value(&asked.least_reply_ms)->default_value(250),
      "patience with packets of an upload");
  add("poll-ms", po::value(&asked.poll_ms)->default_value(500), "while it boots");
  add("step", po::value(&asked.steps), "probe echo send verify activate reboot confirm revert erase");
  po::positional_options_description steps;
  steps.add("step", -1);
  try {
    po::variables_map given;
    po::store(po::command_line_parser(argc, argv).options(options).positional(steps).run(), given);
    po::notify(given);
  } catch (const po::error& error) {
    std::cerr << error.what() << '\n' << options;
    return 64;
  }
  return sluice::smp::run(asked);
}
