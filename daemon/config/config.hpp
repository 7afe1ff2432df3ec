// The config file: YAML text in, typed Options out, or everything that is wrong with it at once, each with
// its place. Used by app at start and on reload, and by sluicectl (`config check`, `config schema`, `config
// show`). The schema is one table, schema.cpp; parsing, defaults and docs/config.md come from it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/options.hpp"

namespace sluice::config {

struct Problem {
  int line = 1, column = 1;  // from 1
  std::string key;           // e.g. routes[2].batch.max; empty: the file as a whole
  std::string text;          // what was found, what is allowed
};

struct Parsed {
  Options options;                          // to be used only if there are no problems
  std::vector<Problem> problems, warnings;  // by line
};

// Relative paths in the text count from the folder of file_name, when it has one. Reads no other file.
Parsed parse_config(std::string_view yaml, std::string_view file_name);

// Errors: io, with path, owner and mode; invalid_argument (larger than 1 MiB). A file that others may write
// is warned of.
result<Parsed> load_config(const std::filesystem::path& path);

// One line each: `file:line:column: key: text`.
std::string format_problems(std::string_view file_name, const std::vector<Problem>& problems);

// docs/config.md, whole.
std::string config_reference_markdown();

// What runs: every key with its value, as a file that parses to the same Options. Token hashes are not shown.
std::string effective_config_yaml(const Options& options);

}  // namespace sluice::config
