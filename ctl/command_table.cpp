#include <algorithm>

#include "commands.hpp"

namespace sluice::ctl {

const std::vector<CommandRow>& command_table() {
  static const std::vector<CommandRow> kTable = {
      {"status", "", "how the gateway is: readings in and out, lanes, troubles", 0, 0, {}, run_status},
      {"top", "", "the same, live (q or Ctrl-C ends it)", 0, 0, {"plain", "count"}, run_top},
      {"check",
       "",
       "is everything in order? clock, DNS, TLS, certificates, disk, permissions",
       0,
       0,
       {"config"},
       run_check},
      {"queue", "", "what waits for the cloud, and how long the buffer lasts", 0, 0, {}, run_queue},
      {"ledger", "", "readings that left without reaching the cloud: why, whose, when", 0, 0, {}, run_ledger},
      {"adapters", "", "adapters, how they are and what they take", 0, 0, {}, run_adapters},
      {"devices", "", "known devices", 0, 0, {}, run_devices},
      {"devices list", "", "the same", 0, 0, {}, run_devices},
      {"devices add",
       "ID --product P [--token-file F]",
       "let a device in; without a file, makes a token and prints it once",
       1,
       1,
       {"product", "token-file"},
       run_devices_add},
      {"devices token",
       "ID [--token-file F]",
       "give it another token",
       1,
       1,
       {"token-file"},
       run_devices_token},
      {"devices remove", "ID", "forget a device", 1, 1, {}, run_devices_remove},
      {"devices disable", "ID", "keep a device out, its data stays", 1, 1, {}, run_devices_disable},
      {"devices enable", "ID", "let it in again", 1, 1, {}, run_devices_enable},
      {"provision",
       "ID | --gateway | --all",
       "ask for its certificate now; --again: although it was refused, or has one",
       0,
       1,
       {"all", "again", "gateway"},
       run_provision},
      {"rotate",
       "ID | --gateway | --all",
       "get another certificate; the present one stays until it works",
       0,
       1,
       {"all", "gateway"},
       run_rotate},
      {"revoke", "ID", "decommission a device: destroy its key, keep it out", 1, 1, {}, run_revoke},
      {"import",
       "FILE [--product P]",
       "devices with their access tokens: CSV with productid,accessToken,product",
       1,
       1,
       {"product"},
       run_import},
      {"token hash",
       "[FILE]",
       "the hash of a token, for devices.known in the configuration; reads FILE or the input",
       0,
       1,
       {},
       run_token_hash},
      {"dead-letters", "", "readings that the cloud can never take", 0, 0, {}, run_dead_letters},
      {"dead-letters list", "", "the same", 0, 0, {}, run_dead_letters},
      {"dead-letters show", "ID", "one, with its payload", 1, 1, {}, run_dead_letters_show},
      {"dead-letters replay",
       "ID | --all",
       "put back into the queue",
       0,
       1,
       {"all"},
       run_dead_letters_replay},
      {"dead-letters delete", "ID", "forget one", 1, 1, {}, run_dead_letters_delete},
      {"credentials", "", "programs that may fetch temporary AWS credentials", 0, 0, {}, run_credentials},
      {"credentials list", "", "the same", 0, 0, {}, run_credentials},
      {"credentials issue",
       "NAME [DEVICE]",
       "let a program fetch the credentials of the gateway, or of a device; prints its token once",
       1,
       2,
       {},
       run_credentials_issue},
      {"credentials revoke", "NAME", "it gets none any more", 1, 1, {}, run_credentials_revoke},
      {"config check", "[FILE]", "every problem of a configuration file", 0, 1, {"config"}, run_config_check},
      {"config schema", "", "every key, with its default", 0, 0, {}, run_config_schema},
      {"config show", "", "what runs now, defaults included", 0, 0, {"config"}, run_config_show},
      {"reload", "", "read the configuration file again", 0, 0, {}, run_reload},
      {"support-bundle",
       "[FILE]",
       "all of that in one file, without keys, tokens and payloads, for who shall help",
       0,
       1,
       {"config"},
       run_support_bundle},
      {"version", "", "of sluicectl and of the running daemon", 0, 0, {}, run_version},
  };
  return kTable;
}

const CommandRow* find_command(const std::vector<std::string>& words) {
  const auto find = [](std::string_view name) -> const CommandRow* {
    const auto& table = command_table();
    const auto row =
        std::find_if(table.begin(), table.end(), [name](const auto& r) { return r.name == name; });
    return row == table.end() ? nullptr : &*row;
  };
  if (words.size() >= 2) {
    if (const auto* row = find(words[0] + ' ' + words[1])) return row;
  }
  return words.empty() ? nullptr : find(words[0]);
}

}  // namespace sluice::ctl
