#include "plugins/mqtt/settings.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <set>

#include "plugins/mqtt/presets.hpp"
#include "plugins/sdk/secret_file.hpp"
#include "plugins/sdk/section.hpp"

namespace sluice::site {
namespace {

using adapter::Json;
using adapter::milliseconds;
using adapter::text;
using adapter::wrong;

result<void> read_url(const std::string& url, LinkSettings& link) {
  const auto bad = [&url](const char* why) { return wrong("broker", "`" + url + "`: " + why); };
  std::string_view rest = url;
  if (rest.starts_with("mqtts://")) {
    link.tls = true;
    link.port = 8883;
    rest.remove_prefix(8);
  } else if (rest.starts_with("mqtt://")) {
    rest.remove_prefix(7);
  } else {
    return bad("write mqtt://host:port or mqtts://host:port");
  }
  if (rest.find('@') != std::string_view::npos)
    return wrong("broker", "no name and password in it: give `user` and `password_file`");
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const auto close = rest.starts_with('[') ? rest.find(']') : std::string_view::npos;
  const auto colon = rest.find(':', close == std::string_view::npos ? 0 : close);
  auto host = rest.substr(0, colon);
  if (close != std::string_view::npos) host = rest.substr(1, close - 1);
  if (host.empty() || host.find('/') != std::string_view::npos) return bad("lacks a host");
  link.host = host;
  link.text = url;
  if (colon == std::string_view::npos) return {};
  const auto port = rest.substr(colon + 1);
  const auto read = std::from_chars(port.data(), port.data() + port.size(), link.port);
  if (read.ec != std::errc() || read.ptr != port.data() + port.size() || link.port == 0)
    return bad("a port is 1 to 65535");
  return {};
}

result<void> read_link(const Json& section, const std::string& adapter, LinkSettings& link) {
  if (auto read = read_url(text(section, "broker"), link); !read) return read;
  link.files = {text(section, "ca"), text(section, "certificate"), text(section, "key")};
  if (!link.tls && !(link.files.ca + link.files.certificate + link.files.key).empty())
    return wrong("ca, certificate, key", "they go with mqtts://");
  link.connect_timeout = milliseconds(section, "connect_timeout", 10'000);
  auto& session = link.session;
  session.version = text(section, "version", "5") == "5" ? mqtt::Version::v5 : mqtt::Version::v311;
  session.client_id = text(section, "client_id");
  if (session.client_id.empty()) session.client_id = "sluice-" + adapter;
  session.username = text(section, "user");
  if (const auto path = text(section, "password_file"); !path.empty()) {
    if (session.username.empty()) return wrong("password_file", "goes with `user`");
    auto password = adapter::read_secret(path);
    if (!password) return wrong("password_file", password.error().text);
    session.password = std::move(*password);
  }
  const auto seconds = [](Duration d) { return std::chrono::duration_cast<std::chrono::seconds>(d).count(); };
  session.session_s = static_cast<std::uint32_t>(seconds(milliseconds(section, "session", 604'800'000)));
  session.keep_alive_s = static_cast<std::uint16_t>(seconds(milliseconds(section, "keep_alive", 30'000)));
  session.most_packet = section.value("max_packet", 1'048'576U);
  const auto retained = text(section, "retained", "once");
  session.retain_handling = retained == "always" ? 0 : 1;
  return {};
}

result<void> read_rules(const Json& section, RuleBook& rules) {
  // Own rules first: they may say otherwise than the preset.
  for (const auto& given : section.value("rules", Json::array())) {
    const auto role = text(given, "role", "reading");
    const auto info = given.value("info", Json::object());
    const RuleText rule{
        text(given, "match"),
        role == "availability" ? Role::availability
        : role == "info"       ? Role::info
        : role == "ignore"     ? Role::ignore
                               : Role::reading,
        text(given, "to"),
        {text(info, "name"), text(info, "model"), text(info, "hardware"), text(info, "firmware")}};
    if (auto added = rules.add(rule); !added) return wrong("rules", added.error().text);
  }
  for (const auto& given : section.value("commands", Json::array())) {
    const CommandText command{text(given, "match"), text(given, "topic"), text(given, "payload", "{payload}"),
                              given.value("qos", std::uint8_t{1}), given.value("retain", false)};
    if (auto added = rules.add(command); !added) return wrong("commands", added.error().text);
  }
  const auto preset = preset_of(text(section, "shape", "custom"), text(section, "base"));
  for (const auto& rule : preset.rules) {
    if (auto added = rules.add(rule); !added) return wrong("base", added.error().text);
  }
  for (const auto& command : preset.commands) {
    if (auto added = rules.add(command); !added) return wrong("base", added.error().text);
  }
  if (!rules.has_readings()) return wrong("rules", "give a `shape`, or `rules` of which one is a reading");
  return {};
}

result<void> read_devices(const Json& section, Settings& settings) {
  std::set<std::string> ids, names;
  for (const auto& given : section.value("devices", Json::array())) {
    DeviceSettings device;
    device.id = text(given, "id");
    device.name = text(given, "name", device.id.c_str());
    device.model = text(given, "model");
    device.hardware = text(given, "hardware");
    device.firmware = text(given, "firmware");
    if (const auto path = text(given, "token_file"); !path.empty()) {
      auto token = adapter::read_secret(path);
      if (!token) return wrong("devices: " + device.id + ": token_file", token.error().text);
      device.token = std::move(*token);
    }
    if (!ids.insert(device.id).second) return wrong("devices", device.id + " is there twice");
    if (!names.insert(device.name).second)
      return wrong("devices", "name `" + device.name + "` is there twice");
    settings.devices.push_back(std::move(device));
  }
  settings.others = text(section, "others", "{name}");
  constexpr std::array<std::string_view, 1> kName = {"name"};
  if (settings.others.empty()) {
    if (settings.devices.empty())
      return wrong("others", "name the `devices`, or give `others` for those that are not named");
  } else if (auto id = TextTemplate::topic(settings.others, kName); !id) {
    return wrong("others", id.error().text);
  } else if (settings.others.find("{name}") == std::string::npos) {
    return wrong("others", "lacks {name}: all devices would have one id");
  }
  return {};
}

}  // namespace

result<Settings> read_settings(const Json& section, const std::string& adapter) {
  Settings settings;
  if (auto read = read_link(section, adapter, settings.link); !read) return read.error();
  if (auto read = read_rules(section, settings.rules); !read) return read.error();
  if (auto read = read_devices(section, settings); !read) return read.error();
  settings.retained = text(section, "retained", "once") != "never";
  settings.link.session.filters = settings.rules.filters();
  return settings;
}

}  // namespace sluice::site
