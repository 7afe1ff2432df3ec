// What sluicectl can do: one function a command, found through the table in command_table.cpp. Each prints,
// and returns the exit code.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client.hpp"
#include "config/config.hpp"
#include "core/clock.hpp"

namespace sluice::ctl {

struct Invocation {
  std::vector<std::string> words;  // after the command's own: ids, files
  bool json = false;
  bool all = false, plain = false, again = false, gateway = false;
  unsigned count = 0;  // top: frames; 0: until stopped
  std::filesystem::path socket, config_file;
  std::optional<std::string> product, token_file;
};

struct Context {
  const Invocation& given;
  Client& client;
  Clock& clock;
};

struct CommandRow {
  std::string_view name;       // as typed: "devices add"
  std::string_view arguments;  // for the help
  std::string_view text;
  std::size_t least = 0, most = 0;        // words after the name
  std::vector<std::string_view> options;  // beyond --json, --socket, --help
  int (*run)(Context&) = nullptr;
};

// The longest name wins: `devices add x` is "devices add".
const std::vector<CommandRow>& command_table();
const CommandRow* find_command(const std::vector<std::string>& words);

int run_status(Context& context);
int run_queue(Context& context);
int run_ledger(Context& context);
int run_adapters(Context& context);
int run_devices(Context& context);
int run_devices_add(Context& context);
int run_devices_token(Context& context);
int run_devices_remove(Context& context);
int run_devices_enable(Context& context);
int run_devices_disable(Context& context);
int run_token_hash(Context& context);
int run_dead_letters(Context& context);
int run_dead_letters_show(Context& context);
int run_dead_letters_replay(Context& context);
int run_dead_letters_delete(Context& context);
int run_credentials(Context& context);
int run_credentials_issue(Context& context);
int run_credentials_revoke(Context& context);
int run_provision(Context& context);
int run_rotate(Context& context);
int run_revoke(Context& context);
int run_import(Context& context);
int run_check(Context& context);
int run_config_check(Context& context);
int run_config_schema(Context& context);
int run_config_show(Context& context);
int run_reload(Context& context);
int run_support_bundle(Context& context);
int run_top(Context& context);
int run_version(Context& context);

// Asks, and prints the answer as JSON or as `render` words it. Errors go to stderr (with --json: to stdout as
// JSON).
using Render = std::function<std::string(const nlohmann::json& result)>;
int ask_and_print(Context& context, const std::string& command, const nlohmann::json& args,
                  const Render& render);
int print_error(const Context& context, const Answer& answer);
// Of what failed before the daemon was asked.
int print_failure(const Context& context, std::string code, std::string text);
void print_json(const nlohmann::json& value);

// Asks the adapters of the configuration what they are, and holds their keys against it; takes a few seconds
// at worst.
void check_adapters(const Options& options, std::vector<config::Problem>& problems);

// The words for a person; pure, so that tests read them.
// One line each, `part: text`; the same trouble of many parts once.
std::vector<std::string> troubles_in_words(const nlohmann::json& status);
// "gateway active, devices: 4 active, 1 requested, by cvm"; empty when certificates are given by hand.
std::string identities_in_words(const nlohmann::json& status);
std::string status_text(const nlohmann::json& status);
std::string queue_text(const nlohmann::json& queue);
std::string ledger_text(const nlohmann::json& ledger);
std::string adapters_text(const nlohmann::json& adapters);
std::string devices_text(const nlohmann::json& devices, WallTime now);
std::string dead_letters_text(const nlohmann::json& letters);
std::string credentials_text(const nlohmann::json& credentials, WallTime now);
std::string issued_text(const nlohmann::json& issued);

}  // namespace sluice::ctl
