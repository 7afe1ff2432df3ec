#include "plugins/serial/settings.hpp"

#include <fmt/format.h>

#include <set>

#include "plugins/sdk/secret_file.hpp"
#include "plugins/sdk/section.hpp"

namespace sluice::serial {
namespace {

using adapter::Json;
using adapter::milliseconds;
using adapter::text;
using adapter::wrong;

// One key with escapes, as bytes.
result<void> bytes(const Json& json, const char* key, std::string& into) {
  auto got = unescaped(text(json, key));
  if (!got) return wrong(key, got.error().text);
  into = std::move(*got);
  return {};
}

result<std::string> token_of(const std::string& id, const std::string& path) {
  if (path.empty()) return std::string();
  auto token = adapter::read_secret(path);
  if (!token) return wrong("devices: " + id + ": token_file", token.error().text);
  return token;
}

void read_port(const Json& section, PortOptions& port) {
  port.path = text(section, "port");
  port.baud = section.value("baud", 115'200U);
  port.data_bits = section.value("data_bits", 8U);
  port.stop_bits = section.value("stop_bits", 1U);
  const auto parity = text(section, "parity", "none"), flow = text(section, "flow", "none");
  port.parity = parity == "even"  ? PortOptions::Parity::even
                : parity == "odd" ? PortOptions::Parity::odd
                                  : PortOptions::Parity::none;
  port.flow = flow == "hardware"   ? PortOptions::Flow::hardware
              : flow == "software" ? PortOptions::Flow::software
                                   : PortOptions::Flow::none;
  const auto rs485 = section.value("rs485", Json::object());
  port.rs485 = rs485.value("enabled", false);
  port.rts_on_send = rs485.value("rts_on_send", true);
  port.rs485_before_ms = rs485.value("before", 0U);
  port.rs485_after_ms = rs485.value("after", 0U);
  port.break_for = milliseconds(section, "break");
}

result<void> read_framing(const Json& section, FramingOptions& framing) {
  using Kind = FramingOptions::Kind;
  const auto kind = text(section, "framing", "line"), crc = text(section, "crc", "none");
  framing.kind = kind == "length"  ? Kind::length
                 : kind == "slip"  ? Kind::slip
                 : kind == "cobs"  ? Kind::cobs
                 : kind == "fixed" ? Kind::fixed
                                   : Kind::line;
  framing.crc = crc == "ccitt"    ? Crc::ccitt
                : crc == "modbus" ? Crc::modbus
                : crc == "crc32"  ? Crc::crc32
                                  : Crc::none;
  framing.most = section.value("max_frame", std::size_t{0});
  if (framing.most == 0)
    framing.most = kind == "length" && section.value("length_bytes", 1U) == 1 ? 255 : 4096;
  framing.length_bytes = section.value("length_bytes", 1U);
  framing.length_big_endian = text(section, "length_order", "big") == "big";
  framing.size = section.value("size", std::size_t{0});
  if (auto got = bytes(section, "end", framing.end); !got) return got;
  if (framing.end.empty()) framing.end = "\n";
  return bytes(section, "sync", framing.sync);
}

result<void> read_plain(const Json& section, PlainOptions& plain) {
  using From = PlainOptions::From;
  const auto format = text(section, "format", "text");
  plain.format = format == "json"     ? PlainOptions::Format::json
                 : format == "binary" ? PlainOptions::Format::binary
                                      : PlainOptions::Format::text;
  const auto address = section.value("address", Json::object());
  const auto from = text(address, "from", "none");
  plain.from = from == "json"    ? From::json
               : from == "byte"  ? From::byte
               : from == "field" ? From::field
                                 : From::none;
  plain.pointer = text(address, "pointer", "/id");
  plain.at = address.value("at", std::size_t{0});
  std::string separator;
  if (auto got = bytes(address, "separator", separator); !got) return got;
  if (separator.size() > 1) return wrong("address.separator", "one byte");
  if (!separator.empty()) plain.separator = separator[0];
  if (plain.from == From::json && plain.format != PlainOptions::Format::json)
    return wrong("address.from", "json needs format: json");
  if (plain.from == From::json &&
      (plain.pointer.empty() || plain.pointer[0] != '/' || plain.pointer.find('~') != std::string::npos))
    return wrong("address.pointer", "a JSON pointer as in /id, without ~");
  for (auto [key, into] : {std::pair{"poll", &plain.poll}, {"ack", &plain.ack}, {"nack", &plain.nack}}) {
    if (auto got = bytes(section, key, *into); !got) return got;
  }
  return {};
}

result<void> read_devices(const Json& section, Settings& settings) {
  std::set<std::string> ids, addresses;
  for (const auto& given : section.value("devices", Json::array())) {
    DeviceSettings device;
    device.id = text(given, "id");
    device.address = text(given, "address");
    device.topic = text(given, "topic", settings.topic.c_str());
    device.model = text(given, "model");
    device.hardware = text(given, "hardware");
    device.firmware = text(given, "firmware");
    device.subscribe = given.value("subscribe", std::vector<std::string>{});
    if (auto got = bytes(given, "poll", device.poll); !got) return got;
    auto token = token_of(device.id, text(given, "token_file"));
    if (!token) return token.error();
    device.token = std::move(*token);
    if (!ids.insert(device.id).second) return wrong("devices", device.id + " is there twice");
    if (!addresses.insert(device.address).second)
      return wrong("devices", fmt::format("address `{}` is there twice", device.address));
    settings.devices.push_back(std::move(device));
  }
  if (settings.devices.empty() && settings.others.empty())
    return wrong("devices", "name the devices, or give `others` for those that are not named");
  return {};
}

}  // namespace

Json schema() {
  const auto string = [](const char* description) {
    return Json{{"type", "string"}, {"description", description}};
  };
  const auto choice = [](std::vector<std::string> words, const char* description) {
    return Json{
        {"type", "string"}, {"enum", words}, {"default", words.front()}, {"description", description}};
  };
  const auto number = [](std::int64_t least, std::int64_t most, Json otherwise, const char* description) {
    Json out = {{"type", "integer"}, {"minimum", least}, {"maximum", most}, {"description", description}};
    if (!otherwise.is_null()) out["default"] = std::move(otherwise);
    return out;
  };
  const auto duration = [](std::int64_t least, std::int64_t most, std::int64_t otherwise,
                           const char* description) {
    return Json{{"type", "integer"}, {"x-sluice", "duration"}, {"minimum", least},
                {"maximum", most},   {"default", otherwise},   {"description", description}};
  };
  const auto flag = [](bool otherwise) { return Json{{"type", "boolean"}, {"default", otherwise}}; };
  Json port = string("The line; best one of /dev/serial/by-id.");
  port["x-sluice"] = "device";
  Json codec = string("A library of plugins/codec.h.");
  codec["x-sluice"] = "executable";
  Json token = string("File with its token; none: the adapter vouches for it.");
  token["x-sluice"] = "file";
  Json id = string("Its id.");
  id["minLength"] = 1;
  const Json device = {{"type", "object"},
                       {"required", {"id"}},
                       {"properties",
                        {{"id", id},
                         {"address", string("On the bus; may be left out when it is alone.")},
                         {"topic", string("With {device}.")},
                         {"token_file", token},
                         {"poll", string("The request that it answers to.")},
                         {"model", string("")},
                         {"hardware", string("")},
                         {"firmware", string("")},
                         {"subscribe", {{"type", "array"}, {"maxItems", 32}, {"items", string("")}}}}}};
  return {
      {"type", "object"},
      {"required", {"port"}},
      {"properties",
       {{"port", port},
        {"baud", number(50, 12'000'000, 115'200, "Any rate that the line can do.")},
        {"data_bits", number(5, 8, 8, "")},
        {"stop_bits", number(1, 2, 1, "")},
        {"parity", choice({"none", "even", "odd"}, "")},
        {"flow", choice({"none", "hardware", "software"}, "")},
        {"break", duration(0, 1000, 0, "A break of this length before each frame that is sent.")},
        {"rs485",
         {{"type", "object"},
          {"properties",
           {{"enabled", flag(false)},
            {"rts_on_send", flag(true)},
            {"before", duration(0, 1000, 0, "")},
            {"after", duration(0, 1000, 0, "")}}}}},
        {"framing", choice({"line", "length", "slip", "cobs", "fixed"}, "")},
        {"crc", choice({"none", "ccitt", "modbus", "crc32"}, "Behind each frame; of lines as *HHHH.")},
        {"max_frame", {{"type", "integer"}, {"x-sluice", "size"}, {"minimum", 1}, {"maximum", 65'535}}},
        {"end", string("line: its end; \\n unless given.")},
        {"sync", string("length, fixed: what frames begin with, as in \\xAA\\x55.")},
        {"length_bytes", number(1, 2, 1, "")},
        {"length_order", choice({"big", "little"}, "")},
        {"size", number(1, 65'535, nullptr, "fixed: bytes of a frame.")},
        {"gap", duration(1, 10'000, 100, "Silence after which a half frame is given up.")},
        {"format", choice({"text", "json", "binary", "codec"}, "")},
        {"codec", codec},
        {"codec_config", {{"type", "object"}, {"additionalProperties", true}}},
        {"address",
         {{"type", "object"},
          {"properties",
           {{"from", choice({"none", "json", "byte", "field"}, "Where in a frame the device's address is.")},
            {"pointer", string("json: as in /id.")},
            {"at", number(0, 65'535, 0, "byte, field: which, from 0.")},
            {"separator", string("field: one byte; a comma unless given.")}}}}},
        {"devices", {{"type", "array"}, {"maxItems", 1000}, {"items", device}}},
        {"others",
         string("The id of devices that are not named, with {address}; none: they are not served.")},
        {"topic",
         {{"type", "string"},
          {"default", "d/{device}/data"},
          {"description", "Where readings go, with {device}."}}},
        {"mode", choice({"listen", "poll"}, "Whether devices speak by themselves or are asked.")},
        {"poll", string("The request, with {address}.")},
        {"every", duration(10, 86'400'000, 1000, "poll: each device.")},
        {"timeout", duration(5, 60'000, 200, "poll: for an answer.")},
        {"between", duration(0, 10'000, 5, "poll: silence before the next request.")},
        {"retries", number(0, 10, 2, "")},
        {"ack", string("Sent when a frame's readings are on disk, with {address} and {seq}.")},
        {"nack", string("Sent when they are not taken.")}}}};
}

result<Settings> read_settings(const Json& section) {
  Settings settings;
  read_port(section, settings.port);
  if (auto got = read_framing(section, settings.framing); !got) return got.error();
  if (auto made = make_framing(settings.framing); !made) return made.error();
  if (auto got = read_plain(section, settings.plain); !got) return got.error();
  settings.gap = milliseconds(section, "gap");
  settings.codec = text(section, "codec");
  settings.codec_config = section.value("codec_config", Json::object()).dump();
  if (settings.codec.empty() == (text(section, "format") == "codec"))
    return wrong("codec", "goes with format: codec, and only with it");
  settings.others = text(section, "others");
  settings.topic = text(section, "topic", "d/{device}/data");
  settings.polls = text(section, "mode", "listen") == "poll";
  settings.every = milliseconds(section, "every");
  settings.timeout = milliseconds(section, "timeout");
  settings.between = milliseconds(section, "between");
  settings.retries = section.value("retries", 2U);
  if (auto got = read_devices(section, settings); !got) return got.error();
  if (settings.polls && settings.devices.empty())
    return wrong("mode", "poll needs `devices`: who is to be asked");
  return settings;
}

}  // namespace sluice::serial
