// An adapter that does what its section says, good or bad: for the tests of the supervision.
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "plugins/sdk/run.hpp"

// For builds with AddressSanitizer: its leak check wants to trace itself, which the sandbox refuses.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }  // NOLINT

namespace {

using namespace sluice::adapter;

void wait_for_ever() {
  for (;;) ::poll(nullptr, 0, -1);
}

class Scripted final : public Driver {
 public:
  Scripted(const Start& start, House house)
      : house_(house), own_(start.section), mode_(own_.value("mode", "sensor")) {}

  void start() override {
    if (mode_ == "hang") {  // when it has been ready
      Device device;
      device.id = "hanger";
      return house_.gateway.attach(device, [](const Answer&) { wait_for_ever(); });
    }
    if (mode_ == "flood") return flood();
    if (mode_ == "chat") chat();
    if (mode_ == "spin") {
      for (volatile unsigned n = 0;; n = n + 1) {
      }
    }
    if (mode_ == "peek") peek();
    if (mode_ == "lie") lie();
    house_.gateway.on_room([this] { go_on(); });
    for (const auto& id : own_.value("devices", std::vector<std::string>{})) attach(id);
  }

  void message(const Message& message, Reply reply) override {
    house_.gateway.log(6, "message for " + std::string(message.device) + " on " + std::string(message.topic) +
                              ": " + std::string(message.payload));
    const auto answer = own_.value("answer", "ok");
    if (answer == "ok") return reply(yes());
    if (answer != "never") reply(no(answer, "so says the script"));
  }

  void call(const Call& call, Reply reply) override {
    if (call.operation == "probe") return reply(yes({{"model", "scripted"}, {"device", call.device}}));
    if (call.operation == "write")
      return reply(yes({{"offset", call.offset + call.bytes.size()}, {"update", call.update}}));
    if (call.operation == "begin") return;  // never
    Driver::call(call, std::move(reply));
  }

  void detached(std::string_view device, std::string_view, std::string_view text) override {
    house_.gateway.log(6, "detached " + std::string(device) + ": " + std::string(text));
  }

 private:
  void attach(const std::string& id) {
    Device device;
    device.id = id;
    device.access_token = own_.value("token", "");
    device.model = "M1";
    device.firmware = "1.2.3";
    device.subscribe = own_.value("subscribe", std::vector<std::string>{});
    house_.gateway.attach(device, [this, id](const Answer& answer) {
      house_.gateway.log(6, "attach " + id + ": " + (answer.ok() ? "ok" : answer.error + ": " + answer.text));
      if (!answer.ok()) return;
      said_[id] = 0;
      go_on();
    });
  }

  void go_on() {
    const auto count = own_.value("count", 0U);
    for (auto& [id, said] : said_) {
      while (said < count && publish(id, said)) ++said;
    }
  }

  bool publish(const std::string& id, unsigned i) {
    auto payload = std::to_string(i);
    payload.resize(std::max(payload.size(), own_.value("size", std::size_t{0})), ' ');
    return house_.gateway.publish(
        id, own_.value("topic", "d/" + id + "/temp"), payload, [this](const Published& published) {
          house_.gateway.counter(published.on_disk ? "acked" : "nacked",
                                 published.on_disk ? ++acked_ : ++nacked_);
          if (!published.on_disk)
            house_.gateway.log(6, "nack " + std::to_string(published.reason) + " " + published.text);
        });
  }

  void flood() {
    Device device;
    device.id = "flooder";
    house_.gateway.on_room([this] { fill(); });
    house_.gateway.attach(device, [this](const Answer&) { fill(); });
  }
  void fill() {
    while (house_.gateway.publish("flooder", "d/flooder/x", std::string(100, 'x'), {})) {
    }
  }

  void chat() {
    for (int i = 0; i < 5000; ++i)
      std::fprintf(stderr, "<4>line %d %s\n", i, i == 3 ? std::string(5000, 'l').c_str() : "");
  }

  // What the sandbox lets through; each as a word of the health text.
  void peek() {
    std::string found;
    const auto say = [&found](const char* what, bool can) {
      found += std::string(found.empty() ? "" : " ") + what + (can ? "=yes" : "=no");
    };
    const auto path = own_.value("path", "");
    say("read", ::open(path.c_str(), O_RDONLY | O_CLOEXEC) >= 0);
    // Whatever Landlock thinks of the path: it is the system call that is refused.
    const auto call = [&](const char* what, int got) { say(what, got >= 0 || errno != EPERM); };
    call("truncate", ::truncate(path.c_str(), 0));
    call("empty", ::open(path.c_str(), O_RDONLY | O_TRUNC | O_CLOEXEC));
    call("chmod", ::chmod(path.c_str(), 0666));
    call("chown", ::chown(path.c_str(), ::getuid(), static_cast<gid_t>(-1)));
    call("touch", ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0));
    call("mark", ::setxattr(path.c_str(), "user.sluice", "x", 1, 0));
    rlimit files{};
    say("limit", ::prlimit(::getppid(), RLIMIT_NOFILE, nullptr, &files) == 0);
    say("nice", ::setpriority(PRIO_PROCESS, static_cast<id_t>(::getppid()), 19) == 0);
    say("write", ::open((path + ".new").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0);
    const auto child = ::fork();
    if (child == 0) ::_exit(0);
    if (child > 0) ::waitpid(child, nullptr, 0);
    say("fork", child >= 0);
    say("signal", ::kill(::getppid(), 0) == 0);
    say("inet", ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
    say("escape", ::setsid() >= 0);
    say("leaked", ::fcntl(6, F_GETFD) >= 0 && ::fcntl(63, F_GETFD) >= 0);
    house_.gateway.health("degraded", found);
  }

  // Against the contract, over and over.
  void lie() {
    house_.gateway.publish("t1", "d/t1/temp", "1", [this](const Published& published) {
      house_.gateway.log(6, "lie about t1: " + std::to_string(published.reason) + " " + published.text);
    });
    house_.gateway.publish("nobody", "$sluice/v1/attach", "{}", {});
    for (unsigned i = 0; i < own_.value("count", 0U); ++i) house_.gateway.publish("ghost", "x", "1", {});
  }

  House house_;
  Json own_;
  std::string mode_;
  std::map<std::string, unsigned> said_;  // readings of each device
  std::uint64_t acked_ = 0, nacked_ = 0;
};

sluice::result<std::unique_ptr<Driver>> make(const Start& start, House house) {
  const auto mode = start.section.value("mode", "sensor");
  if (mode == "crash") ::abort();
  if (mode == "exit") ::_exit(start.section.value("code", 1));
  if (mode == "deaf") wait_for_ever();
  if (mode == "stubborn") ::signal(SIGTERM, SIG_IGN);
  if (mode == "leak") {
    // Private memory, and shared memory that no allocation limit counts.
    std::fprintf(stderr, "leaking\n");
    for (;;) {
      auto* memory = ::mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (memory == MAP_FAILED) break;
      std::memset(memory, 1, 1 << 20);
    }
    std::fprintf(stderr, "no more memory\n");
    ::abort();
  }
  if (mode == "misled")
    return sluice::Error{sluice::errc::invalid_argument, "the script says that the section is wrong"};
  std::unique_ptr<Driver> driver = std::make_unique<Scripted>(start, house);
  if (mode == "stubborn") {
    // Ready, and deaf to SIGTERM in the loop too: run() has its own handler.
    struct Stubborn final : Driver {
      void start() override {}
      void message(const Message&, Reply) override {}
      void detached(std::string_view, std::string_view, std::string_view) override {}
      void stop(std::function<void()>) override { wait_for_ever(); }
    };
    driver = std::make_unique<Stubborn>();
  }
  return driver;
}

}  // namespace

int main(int argc, char** argv) {
  Description description;
  description.kind = "scripted";
  description.version = "1";
  description.text = "does what its section says";
  description.schema = {{"type", "object"},
                        {"properties",
                         {{"mode", {{"type", "string"}}},
                          {"code", {{"type", "integer"}}},
                          {"count", {{"type", "integer"}}},
                          {"size", {{"type", "integer"}, {"minimum", 0}, {"maximum", 65536}}},
                          {"token", {{"type", "string"}}},
                          {"topic", {{"type", "string"}}},
                          {"answer", {{"type", "string"}}},
                          {"path", {{"type", "string"}}},
                          {"devices", {{"type", "array"}, {"items", {{"type", "string"}}}}},
                          {"subscribe", {{"type", "array"}, {"items", {{"type", "string"}}}}}}}};
  return sluice::adapter::run(argc, argv, description, make);
}
