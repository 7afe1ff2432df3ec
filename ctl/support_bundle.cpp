// support-bundle: what somebody far away needs to see what is wrong here. No keys, tokens, hashes or
// payloads: it is what the other commands show, none of which shows those. It is made also when sluiced does
// not answer: then most of all.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

#include "bundle_file.hpp"
#include "check_report.hpp"
#include "commands.hpp"
#include "exit_codes.hpp"
#include "json_fields.hpp"

namespace sluice::ctl {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostLog = 8 * 1024 * 1024, kMostText = 64 * 1024;
constexpr const char* kJournal =
    "journalctl --unit=sluiced --lines=20000 --no-pager --quiet --output=short-iso-precise 2>&1";

struct Part {
  const char *command, *name;
};
constexpr Part kParts[] = {{"version", "version.json"},
                           {"status", "status.json"},
                           {"devices", "devices.json"},
                           {"queue", "queue.json"},
                           {"ledger", "ledger.json"},
                           {"adapters", "adapters.json"},
                           {"dead-letters", "dead-letters.json"},
                           {"credentials", "credentials.json"}};

// The end of what the journal has of the unit: the newest counts.
std::string journal() {
  // The command is a constant: no text of anybody's gets into it.
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(kJournal, "re"), ::pclose);
  if (!pipe) return "journalctl cannot be run\n";
  std::string text;
  std::string part(kMostText, '\0');
  while (const auto size = std::fread(part.data(), 1, part.size(), pipe.get())) {
    text.append(part, 0, size);
    if (text.size() > 2 * kMostLog) text.erase(0, text.size() - kMostLog);
  }
  if (text.size() > kMostLog) text.erase(0, text.size() - kMostLog);
  return text.empty() ? "the journal has nothing of the unit sluiced\n" : text;
}

std::string beginning_of(const char* file) {
  std::ifstream in(file);
  std::string text(kMostText, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::string machine() {
  utsname name{};
  if (::uname(&name) != 0) return {};
  return fmt::format("{} {} {}\nup {}\n{}\n{}", name.sysname, name.release, name.machine,
                     beginning_of("/proc/uptime"), beginning_of("/etc/os-release"),
                     beginning_of("/proc/meminfo"));
}

std::string shown(const Answer& answer) {
  if (!answer.good) return answer.text + "\n";
  return answer.result.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string config_of(Context& context) {
  const auto answer = context.client.ask("config");
  if (answer.good)
    return fmt::format("# runs now, from {}\n{}", text_of(answer.result, "file"),
                       text_of(answer.result, "yaml"));
  const auto& file = context.given.config_file;
  const auto loaded = config::load_config(file);
  if (loaded.has_error()) return "# " + loaded.error().text + "\n";
  if (!loaded->problems.empty()) return config::format_problems(file.string(), loaded->problems);
  return fmt::format("# sluiced does not run; this is what {} would give\n{}", file.string(),
                     config::effective_config_yaml(loaded->options));
}

}  // namespace

int run_support_bundle(Context& context) {
  const auto now = std::chrono::floor<std::chrono::seconds>(context.clock.wall());
  const auto seconds = now.time_since_epoch().count();
  const std::filesystem::path file =
      !context.given.words.empty()
          ? context.given.words[0]
          : fmt::format("sluice-support-{:%Y%m%d-%H%M%S}.tar.zst", fmt::gmtime(std::time_t{seconds}));
  BundleFile bundle(seconds);
  for (const auto& [command, name] : kParts) bundle.add(name, shown(context.client.ask(command)));
  bundle.add("config.yaml", config_of(context));
  bundle.add("check.txt", check_text(make_check_report(context)));
  bundle.add("machine.txt", machine());
  bundle.add("journal.txt", journal());
  if (auto done = bundle.write(file); !done) {
    Answer answer;
    answer.code = done.error().code == errc::exists ? "exists" : "io";
    answer.text = done.error().text;
    answer.exit_code = exit_code::failed;
    return print_error(context, answer);
  }
  if (context.given.json) {
    print_json({{"file", file.string()}});
  } else {
    fmt::print(
        "{}: how the gateway is, its configuration, check and journal, for root only.\n"
        "No keys, tokens or payloads are in it; names of devices and addresses are.\n",
        file.string());
  }
  return exit_code::success;
}

}  // namespace sluice::ctl
