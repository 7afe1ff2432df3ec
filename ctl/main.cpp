// sluicectl: asks and steers a running sluiced, and checks the machine it runs on.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/program_options.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "commands.hpp"
#include "core/core_dump.hpp"
#include "exit_codes.hpp"

namespace po = boost::program_options;

namespace sluice::ctl {
namespace {

std::string help() {
  std::string text = "sluicectl [--json] [--socket PATH] COMMAND\n\n";
  std::size_t widest = 0;
  const auto left = [](const CommandRow& row) {
    return std::string(row.name) + (row.arguments.empty() ? "" : " " + std::string(row.arguments));
  };
  for (const auto& row : command_table())
    widest = std::max(widest, left(row).size() > 28 ? 0 : left(row).size());
  for (const auto& row : command_table()) {
    if (row.text == "the same") continue;
    const auto what = left(row);
    if (what.size() > widest) {
      text += fmt::format("  {}\n  {:{}}  {}\n", what, "", widest, row.text);
    } else {
      text += fmt::format("  {:{}}  {}\n", what, widest, row.text);
    }
  }
  return text +
         "\n"
         "  --json          print JSON (docs/sluicectl.md has the fields)\n"
         "  --socket PATH   control socket; default $SLUICE_SOCKET or /run/sluice/control.sock\n"
         "  --config FILE   for check, config and support-bundle; default /etc/sluice/sluice.yaml\n"
         "  --plain         top: one line a second (also when the output is no terminal)\n"
         "  --count N       top: end after N seconds\n"
         "\n"
         "Exit codes: 0 done; 1 refused, or a check failed; 64 wrong usage; 69 sluiced does not answer;\n"
         "77 no permission; 78 the configuration has problems.\n";
}

int usage(const std::string& text) {
  fmt::print(stderr, "sluicectl: {}\nTry: sluicectl --help\n", text);
  return exit_code::usage;
}

po::options_description described_options() {
  po::options_description options;
  const auto* socket = std::getenv("SLUICE_SOCKET");
  options.add_options()("help,h", "")("version", "")("json", "")("all", "")("again", "")("gateway", "")(
      "plain", "")("count", po::value<unsigned>()->default_value(0))(
      "socket",
      po::value<std::string>()->default_value(socket == nullptr ? "/run/sluice/control.sock" : socket))(
      "config", po::value<std::string>()->default_value("/etc/sluice/sluice.yaml"))(
      "product", po::value<std::string>())("token-file", po::value<std::string>())(
      "words", po::value<std::vector<std::string>>());
  return options;
}

// An option that the command does not have is a mistake, not something to ignore.
std::optional<std::string> foreign_option(const po::variables_map& given, const CommandRow& row) {
  for (const auto* name : {"all", "again", "gateway", "plain", "count", "config", "product", "token-file"}) {
    if (given.contains(name) && !given[name].defaulted() &&
        std::ranges::find(row.options, name) == row.options.end()) {
      return fmt::format("{} has no option --{}", row.name, name);
    }
  }
  return {};
}

int run(int argc, char** argv) {
  po::variables_map given;
  try {
    const po::positional_options_description words = po::positional_options_description().add("words", -1);
    po::store(po::command_line_parser(argc, argv).options(described_options()).positional(words).run(),
              given);
  } catch (const po::error& e) {
    return usage(e.what());
  }
  std::vector<std::string> words;
  if (given.contains("words")) words = given["words"].as<std::vector<std::string>>();
  if (given.contains("help") || (words.size() == 1 && words[0] == "help")) {
    fmt::print("{}", help());
    return exit_code::success;
  }
  if (given.contains("version")) words = {"version"};
  if (words.empty()) return usage("what shall I do?");
  const auto* row = find_command(words);
  if (row == nullptr) return usage(fmt::format("there is no command {}", words[0]));
  if (const auto foreign = foreign_option(given, *row)) return usage(*foreign);

  const auto own = static_cast<std::ptrdiff_t>(1 + std::ranges::count(row->name, ' '));
  Invocation invocation;
  invocation.words.assign(words.begin() + own, words.end());
  if (invocation.words.size() < row->least || invocation.words.size() > row->most) {
    return usage(fmt::format("it is: sluicectl {} {}", row->name, row->arguments));
  }
  invocation.json = given.contains("json");
  invocation.all = given.contains("all");
  invocation.again = given.contains("again");
  invocation.gateway = given.contains("gateway");
  invocation.plain = given.contains("plain");
  invocation.count = given["count"].as<unsigned>();
  invocation.socket = given["socket"].as<std::string>();
  invocation.config_file = given["config"].as<std::string>();
  if (given.contains("product")) invocation.product = given["product"].as<std::string>();
  if (given.contains("token-file")) invocation.token_file = given["token-file"].as<std::string>();

  // import and devices hold tokens for a moment.
  if (const auto forbidden = forbid_core_dumps(); !forbidden)
    fmt::print(stderr, "sluicectl: {}\n", forbidden.error().text);
  boost::asio::io_context loop;
  const auto clock = make_system_clock(loop);
  Client client(invocation.socket);
  Context context{invocation, client, *clock};
  return row->run(context);
}

}  // namespace
}  // namespace sluice::ctl

int main(int argc, char** argv) {
  try {
    return sluice::ctl::run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "sluicectl: {}\n", e.what());
    return sluice::ctl::exit_code::failed;
  }
}
