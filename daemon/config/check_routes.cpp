#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "aws/limits.hpp"
#include "config/reader.hpp"
#include "core/topic_template.hpp"
#include "mqtt/topic.hpp"

namespace sluice::config {
namespace {

using Action = RouteOptions::Action;
using Format = BatchOptions::Format;
using FilterKind = FilterOptions::Kind;

constexpr std::size_t kMaxRoutes = 1000;  // each reading of a new topic is held against them in turn

std::string_view level_of(std::string_view& rest, bool& more) {
  const auto slash = rest.find('/');
  const auto level = rest.substr(0, slash);
  more = slash != std::string_view::npos;
  rest = more ? rest.substr(slash + 1) : std::string_view{};
  return level;
}

// True if every topic that matches `inner` matches `outer` too.
bool covers(std::string_view outer, std::string_view inner) {
  const bool inner_dollar = inner.starts_with('$');
  if (inner_dollar && (outer.starts_with('+') || outer.starts_with('#'))) return false;
  for (bool more_outer = true, more_inner = true;;) {
    const auto o = level_of(outer, more_outer), i = level_of(inner, more_inner);
    if (o == "#") return true;
    if (i == "#" || (o != "+" && o != i)) return false;
    if (!more_inner) return !more_outer || outer == "#";
    if (!more_outer) return false;
  }
}

void check_to(const RouteOptions& route, const std::string& key, Findings& findings) {
  const auto wildcards = wildcard_count(route.match);
  const auto parsed = TopicTemplate::parse(route.to, kRoutePlaceholders, wildcards);
  if (!parsed) {
    findings.problem(key + ".to",
                     parsed.error().text + " (the match has " + std::to_string(wildcards) + " wildcards)");
    return;
  }
  const std::array<std::string_view, 4> values = {"x", "x", "x", "x"};
  const std::array<std::string_view, kMaxWildcards> levels = {"x", "x", "x", "x", "x", "x", "x", "x", "x"};
  std::string topic;
  parsed->render(values, levels, topic);
  if (!mqtt::valid_topic_name(topic)) {
    findings.problem(key + ".to",
                     "found '" + route.to.substr(0, 120) + "', allowed: a topic without + and #");
    return;
  }
  if (topic.starts_with('$') && !topic.starts_with("$aws/")) {
    findings.problem(key + ".to", "begins with $, which AWS keeps for itself");
  }
  // Whatever the placeholders hold, the literal part must fit.
  if (!parsed->constant())
    topic.assign(parsed->literal_bytes(), 'x')
        .replace(0, parsed->literal_slashes(), parsed->literal_slashes(), '/');
  if (topic.empty()) return;  // placeholders only
  if (!route.rule.empty()) topic.insert(0, "$aws/rules/" + route.rule + "/");
  if (const auto wrong = aws::publish_problem(topic, 0)) findings.problem(key + ".to", *wrong);
}

bool is_pointer(std::string_view text) {
  if (!text.empty() && !text.starts_with('/')) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '~' && (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1'))) return false;
  }
  return true;
}

void check_filter(const FilterOptions& filter, const std::string& key, Findings& findings) {
  const bool watches = filter.kind == FilterKind::on_change || filter.kind == FilterKind::deadband;
  if (!is_pointer(filter.pointer)) {
    findings.problem(key + ".pointer", "found '" + filter.pointer.substr(0, 120) +
                                           "', allowed: a JSON pointer (RFC 6901), as in /values/0/temp");
  }
  if (filter.kind == FilterKind::deadband && filter.deadband <= 0) {
    findings.problem(key + ".deadband",
                     "is missing; a deadband filter needs the change that passes, as in 0.5 or 2%");
  }
  if (filter.kind != FilterKind::deadband && filter.deadband > 0)
    findings.problem(key + ".deadband", "belongs to kind: deadband");
  if (filter.kind == FilterKind::sample && filter.interval <= Duration::zero()) {
    findings.problem(key + ".interval", "is missing; a sample filter needs it, as in 10s");
  }
  if (filter.kind != FilterKind::sample && filter.interval > Duration::zero())
    findings.problem(key + ".interval", "belongs to kind: sample");
  if (!watches && filter.heartbeat > Duration::zero())
    findings.problem(key + ".heartbeat", "belongs to kind: on_change and deadband");
  if (!watches && !filter.pointer.empty())
    findings.problem(key + ".pointer", "belongs to kind: on_change and deadband");
}

void check_action(const RouteOptions& route, const std::string& key, Findings& findings) {
  if (route.action == Action::to && route.to.empty()) {
    findings.problem(key, "goes nowhere, allowed: one of `to: topic`, `local: true` and `drop: true`");
  } else if (route.action != Action::to && (!route.to.empty() || !route.rule.empty())) {
    findings.problem(key + (route.to.empty() ? ".rule" : ".to"),
                     "is there beside `local` or `drop`, allowed: one of `to`, `local` and `drop`");
  } else if (route.action == Action::to && !route.match.empty()) {
    check_to(route, key, findings);
  }
  if (route.action != Action::to &&
      (route.filter.kind != FilterKind::none || route.batch.format != Format::none)) {
    findings.warning(key, "`filter` and `batch` do nothing without `to`");
  }
}

}  // namespace

void check_routes(Options& options, Findings& findings) {
  if (options.routes.size() > kMaxRoutes) {
    findings.problem("routes", "found " + std::to_string(options.routes.size()) + ", allowed: at most " +
                                   std::to_string(kMaxRoutes));
    return;
  }
  std::map<std::string, std::size_t> names;
  for (std::size_t i = 0; i < options.routes.size(); ++i) {
    auto& route = options.routes[i];
    const auto key = "routes[" + std::to_string(i) + "]";
    if (findings.has(key)) route.line = findings.places.find(key)->second.line;
    const bool matches = mqtt::valid_topic_filter(route.match) && !route.match.starts_with("$share/");
    if (!matches && findings.has(key + ".match")) {
      findings.problem(
          key + ".match",
          "found '" + route.match.substr(0, 120) +
              "', allowed: an MQTT topic filter; + and # stand alone in a level, # last; no $share");
    }
    if (route.match.find_first_of("{}") != std::string::npos) {
      findings.warning(key + ".match", "braces are plain text here; + takes any device's level");
    }
    if (route.name.empty()) route.name = route.match;
    if (route.name.size() > 256) findings.problem(key + ".name", "at most 256 bytes");
    if (!names.emplace(route.name, i).second && !route.name.empty()) {
      const std::string named_by = key + ".name";
      findings.problem(
          findings.has(named_by) ? named_by : key + ".match",
          fmt::format("'{}' is the name of routes[{}] already; give each route a name of its own", route.name,
                      names[route.name]));
    }
    const auto batch = findings.places.lower_bound(key + ".batch.");
    const bool batch_named = batch != findings.places.end() && batch->first.starts_with(key + ".batch.");
    if (batch_named && !findings.has(key + ".batch.format")) route.batch.format = Format::json;
    if (route.batch.zstd && route.batch.format == Format::none)
      findings.problem(key + ".batch.compress", "needs a batch format: json or ndjson");
    check_action(route, key, findings);
    check_filter(route.filter, key + ".filter", findings);
    for (std::size_t j = 0; matches && j < i; ++j) {
      if (mqtt::valid_topic_filter(options.routes[j].match) && covers(options.routes[j].match, route.match)) {
        findings.warning(key + ".match", "is never reached: routes[" + std::to_string(j) + "] (" +
                                             options.routes[j].match + ") matches first");
        break;
      }
    }
  }
  if (options.routes.empty()) findings.warning("routes", "there are none: no reading goes to the cloud");
}

}  // namespace sluice::config
