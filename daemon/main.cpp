// argv → Options → App → exit code; the last catch.
#include <fmt/format.h>
#include <malloc.h>

#include <boost/program_options.hpp>
#include <cstdio>
#include <exception>
#include <iostream>

#include "app.hpp"
#include "config/config.hpp"
#include "core/core_dump.hpp"

namespace po = boost::program_options;

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

int run(int argc, char** argv) {
  po::options_description described("sluiced [options]");
  described.add_options()("config,c", po::value<std::string>()->default_value("/etc/sluice/sluice.yaml"),
                          "configuration file")("check", "check the configuration and exit (0 or 78)")(
      "version", "print versions and exit")("help,h", "print this");
  po::variables_map given;
  try {
    po::store(po::command_line_parser(argc, argv).options(described).run(), given);
  } catch (const po::error& e) {
    fmt::print(stderr, "sluiced: {}\nTry: sluiced --help\n", e.what());
    return sluice::exit_code::usage;
  }
  if (given.contains("help")) {
    std::cout
        << described
        << "\nExit codes: 0 stopped as asked, 64 usage, 70 internal error, 73 the store cannot be opened,\n"
        << "74 the disk failed (start again), 75 a listener cannot be opened, 78 the configuration has "
           "problems.\n";
    return 0;
  }
  if (given.contains("version")) {
    fmt::print("{}\n", sluice::version_text());
    return 0;
  }
  if (const auto forbidden = sluice::forbid_core_dumps(); !forbidden)
    fmt::print(stderr, "sluiced: {}\n", forbidden.error().text);
  const std::string file = given["config"].as<std::string>();
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
  if (given.contains("check")) {
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
