// What --describe says of the configuration (docs/adapters.md). Defaults stand here only.
#include "plugins/mqtt/settings.hpp"

namespace sluice::site {
namespace {

using adapter::Json;

Json text(const char* description, const char* otherwise = nullptr) {
  Json out = {{"type", "string"}, {"maxLength", 1024}, {"description", description}};
  if (otherwise != nullptr) out["default"] = otherwise;
  return out;
}

Json file(const char* description) {
  auto out = text(description);
  out["x-sluice"] = "file";
  return out;
}

Json choice(std::vector<std::string> words, const char* description) {
  auto out = text(description, words.front().c_str());
  out["enum"] = std::move(words);
  return out;
}

Json duration(std::int64_t least, std::int64_t most, std::int64_t otherwise, const char* description) {
  return {{"type", "integer"}, {"x-sluice", "duration"}, {"minimum", least},
          {"maximum", most},   {"default", otherwise},   {"description", description}};
}

Json required(Json schema, std::vector<std::string> keys) {
  Json out = {{"type", "object"}, {"properties", std::move(schema)}};
  if (!keys.empty()) out["required"] = std::move(keys);
  return out;
}

Json list(Json items, int most) {
  return {{"type", "array"}, {"maxItems", most}, {"items", std::move(items)}};
}

}  // namespace

Json schema() {
  auto id = text("Its id on the gateway.");
  id["minLength"] = 1;
  const auto device =
      required({{"id", id},
                {"name", text("Its name on the site's broker; its id unless given.")},
                {"token_file", file("File with its token; none: the adapter vouches for it.")},
                {"model", text("")},
                {"hardware", text("")},
                {"firmware", text("")}},
               {"id"});
  const auto info = required({{"name", text("JSON pointer to the device's name; else {name} of the topic.")},
                              {"model", text("")},
                              {"hardware", text("")},
                              {"firmware", text("")}},
                             {});
  const auto rule =
      required({{"match", text("A topic of the site's, with {name} and other names.")},
                {"role", choice({"reading", "availability", "info", "ignore"}, "What it says.")},
                {"to", text("Where it goes on the gateway, with {device} and names of `match`.")},
                {"info", info}},
               {"match"});
  const auto command = required(
      {{"match", text("A topic on the gateway, with {device}.")},
       {"topic", text("Where it goes on the site's broker, with {name}, {device} and names of `match`.")},
       {"payload", text("With {payload} and the same names.", "{payload}")},
       {"qos", {{"type", "integer"}, {"minimum", 0}, {"maximum", 1}, {"default", 1}}},
       {"retain", {{"type", "boolean"}, {"default", false}}}},
      {"match", "topic"});
  return required(
      {{"broker", text("mqtt://host:1883 or mqtts://host:8883.")},
       {"user", text("")},
       {"password_file", file("File with the password.")},
       {"ca", file("PEM: whose certificates the broker may have; the system's list unless given.")},
       {"certificate", file("PEM: our own certificate, if the broker wants one.")},
       {"key", file("PEM: its key.")},
       {"version", choice({"5", "3.1.1"}, "Of MQTT.")},
       {"client_id", text("The same for ever, and nobody else's; sluice-NAME unless given.")},
       {"session",
        duration(60'000, 31'536'000'000, 604'800'000, "MQTT 5: how long the broker keeps messages for us.")},
       {"keep_alive", duration(5'000, 3'600'000, 30'000, "")},
       {"connect_timeout", duration(1'000, 120'000, 10'000, "")},
       {"max_packet",
        {{"type", "integer"},
         {"x-sluice", "size"},
         {"minimum", 1024},
         {"maximum", 16'777'216},
         {"default", 1'048'576}}},
       {"shape",
        choice({"custom", "zigbee2mqtt", "tasmota", "shelly", "shelly-gen2"}, "Whose topics they are.")},
       {"base", text("The topic in front of all, where it is not the usual one.")},
       {"devices", list(device, 1000)},
       {"others",
        text("The id of devices that are not named, with {name}; empty: they are not served.", "{name}")},
       {"rules", list(rule, 100)},
       {"commands", list(command, 100)},
       {"retained",
        choice({"once", "always", "never"},
               "Messages that the broker has kept: once in a session, at each connect, or not at all.")}},
      {"broker"});
}

}  // namespace sluice::site
