// What the topics of a site mean: whose a message is, what it says (a reading, that a device is there, what
// it is), where it goes on the gateway; and the way back for commands. Made from a preset and the
// configuration; used by SiteDriver. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "plugins/mqtt/text_template.hpp"
#include "plugins/mqtt/topic_pattern.hpp"

namespace sluice::site {

enum class Role : std::uint8_t {
  reading,
  availability,  // online or offline: the device's state, and a reading
  info,          // model and firmware of one device or of a list of them; no reading
  ignore
};

// Where in a JSON object of role `info` these are (JSON pointers); empty: not there.
struct InfoPointers {
  std::string name = {}, model = {}, hardware = {}, firmware = {};
};

// As written in a preset or the configuration.
struct RuleText {
  std::string match;
  Role role = Role::reading;
  std::string to = {};  // empty: d/{device}/{rest}, or d/{device}/state without a {rest}
  InfoPointers info = {};
};
struct CommandText {
  std::string match, topic, payload = "{payload}";
  std::uint8_t qos = 1;
  bool retain = false;
};

struct Rule {
  TopicPattern match;
  Role role = Role::reading;
  TextTemplate to;
  InfoPointers info;
};
struct Command {
  TopicPattern match;  // on the gateway, with {device}
  TextTemplate topic, payload;
  std::uint8_t qos = 1;
  bool retain = false;
};

class RuleBook {
 public:
  // Errors name the rule.
  result<void> add(const RuleText& text);
  result<void> add(const CommandText& text);

  // The first that matches; null: none does.
  const Rule* find(std::string_view topic, Captures& captures) const;
  const Command* find_command(std::string_view topic, Captures& captures) const;
  // What to subscribe to on the site's broker: none is covered by another, so that nothing comes twice.
  std::vector<std::string> filters() const;
  // What a device hears on the gateway.
  std::vector<std::string> command_filters(std::string_view device) const;
  bool has_readings() const;

 private:
  std::vector<Rule> rules_;
  std::vector<Command> commands_;
};

}  // namespace sluice::site
