// argv → Options → App → exit code; the last catch.
#include <fmt/format.h>
#include <getopt.h>
#include <malloc.h>

#include <array>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "app.hpp"
#include "config/config.hpp"
#include "core/core_dump.hpp"

namespace {

// glibc gives every thread an arena of its own, and each stays as large as its largest moment was: with
// hundreds of TLS handshakes spread over the workers that is a third of all memory. One is left to the loop.
constexpr int kArenas = 2;

sluice::Level level_of(const std::string& name) {
  if (name == "debug") return sluice::Level::debug;
  if (name == "warning") return sluice::Level::warning;
  if (name == "error") return sluice::Level::error;
  return sluice::Level::info;
}

constexpr const char* kHelp =
    "sluiced [options]\n"
    "  -c, --config FILE  configuration file, /etc/sluice/sluice.yaml unless given\n"
    "      --check        check the configuration and exit (0 or 78)\n"
    "      --version      print versions and exit\n"
    "  -h, --help         print this\n"
    "Exit codes: 0 stopped as asked, 64 usage, 70 internal error, 73 the store cannot be opened,\n"
    "74 the disk failed (start again), 75 a listener cannot be opened, 78 the configuration has problems.\n";

struct Arguments {
  std::string file = "/etc/sluice/sluice.yaml";
  bool check = false, version = false, help = false;
};

// libc's, not Boost's: a library that is used once, at the start, is 0.4 MB of an idle gateway. Nothing:
// usage, and it was said what is wrong.
std::optional<Arguments> arguments_of(int argc, char** argv) {
  constexpr std::array kOptions = {
      option{"config", required_argument, nullptr, 'c'}, option{"check", no_argument, nullptr, 'k'},
      option{"version", no_argument, nullptr, 'v'}, option{"help", no_argument, nullptr, 'h'}, option{}};
  Arguments given;
  // No threads yet, so getopt's state is ours.
  for (int found = 0; (found = ::getopt_long(argc, argv, "c:h", kOptions.data(), nullptr)) != -1;) {
    if (found == 'c') {
      given.file = optarg;
    } else if (found == 'k') {
      given.check = true;
    } else if (found == 'v') {
      given.version = true;
    } else if (found == 'h') {
      given.help = true;
    } else {
      return std::nullopt;
    }
  }
  if (optind < argc) {
    fmt::print(stderr, "sluiced: `{}` is no option\n", argv[optind]);
    return std::nullopt;
  }
  return given;
}

int run(int argc, char** argv) {
  const auto given = arguments_of(argc, argv);
  if (!given) {
    fmt::print(stderr, "Try: sluiced --help\n");
    return sluice::exit_code::usage;
  }
  if (given->help) {
    fmt::print("{}", kHelp);
    return 0;
  }
  if (given->version) {
    fmt::print("{}\n", sluice::version_text());
    return 0;
  }
  if (const auto forbidden = sluice::forbid_core_dumps(); !forbidden)
    fmt::print(stderr, "sluiced: {}\n", forbidden.error().text);
  const auto& file = given->file;
  auto loaded = sluice::config::load_config(file);
  if (loaded.has_error()) {
    fmt::print(stderr, "sluiced: {}\n", loaded.error().text);
    return sluice::exit_code::config;
  }
  const auto& parsed = *loaded;
  if (!parsed.warnings.empty())
    fmt::print(stderr, "warnings:\n{}", sluice::config::format_problems(file, parsed.warnings));
  if (!parsed.problems.empty()) {
    fmt::print(stderr, "problems:\n{}", sluice::config::format_problems(file, parsed.problems));
    return sluice::exit_code::config;
  }
  if (given->check) {
    fmt::print("{}: no problems\n", file);
    return 0;
  }
  sluice::App app(parsed.options, file, sluice::make_stderr_log(level_of(parsed.options.control.log_level)));
  return app.run();
}

}  // namespace

int main(int argc, char** argv) {
  (void)::mallopt(M_ARENA_MAX, kArenas);  // before there are threads
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "sluiced: internal error: {}\n", e.what());
    return sluice::exit_code::internal;
  }
}
