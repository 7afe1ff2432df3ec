// config: the file against the schema, without the daemon.
#include <fmt/format.h>

#include <cstdio>

#include "commands.hpp"
#include "config/config.hpp"
#include "exit_codes.hpp"
#include "json_fields.hpp"

namespace sluice::ctl {
namespace {

using Json = nlohmann::json;

Json as_json(const std::vector<config::Problem>& problems) {
  Json rows = Json::array();
  for (const auto& problem : problems) {
    rows.push_back(
        {{"line", problem.line}, {"column", problem.column}, {"key", problem.key}, {"text", problem.text}});
  }
  return rows;
}

Answer unreadable(const Error& error) {
  Answer answer;
  answer.code = "io";
  answer.text = error.text;
  answer.exit_code = exit_code::config;
  return answer;
}

}  // namespace

int run_config_check(Context& context) {
  const auto file = context.given.words.empty() ? context.given.config_file.string() : context.given.words[0];
  auto loaded = config::load_config(file);
  if (loaded.has_error()) return print_error(context, unreadable(loaded.error()));
  if (loaded->problems.empty()) check_adapters(loaded->options, loaded->problems);
  if (context.given.json) {
    print_json(
        {{"file", file}, {"problems", as_json(loaded->problems)}, {"warnings", as_json(loaded->warnings)}});
  } else {
    if (!loaded->problems.empty()) fmt::print(stderr, "{}", config::format_problems(file, loaded->problems));
    if (!loaded->warnings.empty())
      fmt::print(stderr, "warnings:\n{}", config::format_problems(file, loaded->warnings));
    if (loaded->problems.empty()) fmt::print("{}: no problems\n", file);
  }
  return loaded->problems.empty() ? exit_code::success : exit_code::config;
}

int run_config_schema(Context&) {
  fmt::print("{}", config::config_reference_markdown());
  return exit_code::success;
}

int run_config_show(Context& context) {
  const auto answer = context.client.ask("config");
  if (answer.good) {
    if (context.given.json) {
      print_json(answer.result);
    } else {
      fmt::print("# runs now, from {}\n{}", text_of(answer.result, "file"), text_of(answer.result, "yaml"));
    }
    return exit_code::success;
  }
  if (answer.exit_code != exit_code::unreachable) return print_error(context, answer);
  const auto loaded = config::load_config(context.given.config_file);
  if (loaded.has_error()) return print_error(context, unreadable(loaded.error()));
  if (!loaded->problems.empty()) {
    fmt::print(stderr, "{}", config::format_problems(context.given.config_file.string(), loaded->problems));
    return exit_code::config;
  }
  const auto yaml = config::effective_config_yaml(loaded->options);
  if (context.given.json) {
    print_json({{"file", context.given.config_file.string()}, {"yaml", yaml}, {"runs", false}});
  } else {
    fmt::print("# sluiced does not run; this is what {} would give\n{}", context.given.config_file.string(),
               yaml);
  }
  return exit_code::success;
}

}  // namespace sluice::ctl
