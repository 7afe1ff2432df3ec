#include "plugins/mqtt/rules.hpp"

#include <algorithm>

namespace sluice::site {
namespace {

// What a template may name: what its pattern captures, and these.
std::vector<std::string_view> names_for(const TopicPattern& pattern,
                                        std::initializer_list<std::string_view> more) {
  auto names = pattern.names();
  for (const auto name : more) {
    if (!pattern.has(name)) names.push_back(name);
  }
  return names;
}

Error in_rule(const std::string& match, const Error& error) {
  return {error.code, "`" + match + "`: " + error.text};
}

}  // namespace

result<void> RuleBook::add(const RuleText& text) {
  auto match = TopicPattern::parse(text.match);
  if (!match) return in_rule(text.match, match.error());
  Rule rule{std::move(*match), text.role, {}, text.info};
  const bool of_device = text.role == Role::reading || text.role == Role::availability;
  if (of_device && !rule.match.has("name"))
    return Error{errc::invalid_argument, "`" + text.match + "`: lacks {name}, which says whose it is"};
  if (text.role == Role::info) {
    for (const auto* pointer :
         {&text.info.name, &text.info.model, &text.info.hardware, &text.info.firmware}) {
      if (!pointer->empty() && (pointer->front() != '/' || pointer->find('~') != std::string::npos))
        return Error{errc::invalid_argument, "`" + text.match + "`: a JSON pointer as in /model, without ~"};
    }
    if (text.info.name.empty() && !rule.match.has("name"))
      return Error{errc::invalid_argument, "`" + text.match + "`: give {name}, or info.name"};
  }
  if (of_device) {
    const auto* usual = rule.match.has("rest") ? "d/{device}/{rest}" : "d/{device}/state";
    auto to = TextTemplate::topic(text.to.empty() ? usual : text.to, names_for(rule.match, {"device"}));
    if (!to) return in_rule(text.match, to.error());
    rule.to = std::move(*to);
  }
  rules_.push_back(std::move(rule));
  return {};
}

result<void> RuleBook::add(const CommandText& text) {
  auto match = TopicPattern::parse(text.match);
  if (!match) return in_rule(text.match, match.error());
  if (!match->has("device"))
    return Error{errc::invalid_argument, "`" + text.match + "`: lacks {device}, which says whom it is for"};
  const auto names = names_for(*match, {"device", "name"});
  auto topic = TextTemplate::topic(text.topic, names);
  if (!topic) return in_rule(text.match, topic.error());
  auto all = names;
  all.push_back("payload");
  commands_.push_back({std::move(*match), std::move(*topic), TextTemplate::payload(text.payload, all),
                       text.qos, text.retain});
  return {};
}

const Rule* RuleBook::find(std::string_view topic, Captures& captures) const {
  for (const auto& rule : rules_) {
    if (rule.match.match(topic, captures)) return &rule;
  }
  return nullptr;
}

const Command* RuleBook::find_command(std::string_view topic, Captures& captures) const {
  for (const auto& command : commands_) {
    if (command.match.match(topic, captures)) return &command;
  }
  return nullptr;
}

std::vector<std::string> RuleBook::filters() const {
  std::vector<std::string> all;
  for (const auto& rule : rules_) {
    if (rule.role == Role::ignore) continue;
    auto filter = rule.match.filter();
    if (std::any_of(all.begin(), all.end(), [&](const auto& have) { return covers(have, filter); })) continue;
    std::erase_if(all, [&](const auto& have) { return covers(filter, have); });
    all.push_back(std::move(filter));
  }
  return all;
}

std::vector<std::string> RuleBook::command_filters(std::string_view device) const {
  std::vector<std::string> all;
  for (const auto& command : commands_) {
    auto filter = command.match.filter({{"device", device}});
    if (std::any_of(all.begin(), all.end(), [&](const auto& have) { return covers(have, filter); })) continue;
    std::erase_if(all, [&](const auto& have) { return covers(filter, have); });
    all.push_back(std::move(filter));
  }
  return all;
}

bool RuleBook::has_readings() const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [](const auto& rule) { return rule.role == Role::reading; });
}

}  // namespace sluice::site
