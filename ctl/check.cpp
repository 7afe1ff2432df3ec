// check: is everything in order on this machine? Named rows, each pass, warn, fail or skip.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "check_report.hpp"
#include "commands.hpp"
#include "config/config.hpp"
#include "exit_codes.hpp"
#include "json_fields.hpp"
#include "table.hpp"

namespace sluice::ctl {

std::string_view to_string(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::pass:
      return "pass";
    case Finding::Kind::warn:
      return "warn";
    case Finding::Kind::fail:
      return "fail";
    case Finding::Kind::skip:
      return "skip";
  }
  return "?";
}

bool CheckReport::failed() const {
  return std::ranges::any_of(findings_, [](const auto& f) { return f.kind == Finding::Kind::fail; });
}

namespace {

// The options to check by; nothing if there are none to speak of.
std::optional<Options> check_config(CheckReport& report, const std::filesystem::path& file) {
  auto loaded = config::load_config(file);
  if (loaded.has_error()) {
    report.fail("config", loaded.error().text);
    return {};
  }
  const auto& problems = loaded->problems;
  if (!problems.empty()) {
    report.fail("config",
                fmt::format("{}:{}: {}: {}{}: see sluicectl config check {}", file.string(), problems[0].line,
                            problems[0].key, problems[0].text,
                            problems.size() > 1 ? fmt::format(" (and {} more)", problems.size() - 1) : "",
                            file.string()));
    return {};
  }
  for (const auto& warning : loaded->warnings) {
    report.warn("config",
                fmt::format("{}:{}: {}: {}", file.string(), warning.line, warning.key, warning.text));
  }
  if (loaded->warnings.empty()) report.pass("config", file.string() + ": no problems");
  return std::move(loaded->options);
}

}  // namespace

CheckReport make_check_report(Context& context) {
  CheckReport report;
  const auto options = check_config(report, context.given.config_file);
  check_clock(report, context.clock);
  if (options) {
    check_permissions(report, *options);
    check_certificates(report, *options, context.clock);
    check_endpoint(report, *options);
    check_disk(report, *options);
  } else {
    for (const auto* name : {"permissions", "certificate", "dns", "tls", "disk"}) {
      report.skip(name, "needs a configuration without problems");
    }
  }
  check_daemon(report, context.client);
  if (options) check_identity(report, *options, context.client, context.clock);
  return report;
}

std::string check_text(const CheckReport& report) {
  std::string text;
  for (const auto& f : report.findings())
    text += fmt::format("{:4}  {:12}  {}\n", to_string(f.kind), f.name, printable(f.text));
  text += report.failed() ? "\nsomething must be done: see the lines that say fail\n" : "\nall is in order\n";
  return text;
}

int run_check(Context& context) {
  const auto report = make_check_report(context);
  if (context.given.json) {
    nlohmann::json rows = nlohmann::json::array();
    for (const auto& f : report.findings()) {
      rows.push_back({{"name", f.name}, {"state", to_string(f.kind)}, {"text", f.text}});
    }
    print_json({{"passed", !report.failed()}, {"checks", std::move(rows)}});
  } else {
    fmt::print("{}", check_text(report));
  }
  return report.failed() ? exit_code::failed : exit_code::success;
}

}  // namespace sluice::ctl
