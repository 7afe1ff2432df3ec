#include "plugins/smp/settings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plugins/sdk/secret_file.hpp"
#include "plugins/smp/udp_transport.hpp"

namespace sluice::smp {
namespace {

using Json = nlohmann::json;

Duration milliseconds(const Json& section, const char* key) {
  return std::chrono::milliseconds(section.at(key).get<std::int64_t>());
}

}  // namespace

Json settings_schema() {
  const auto duration = [](const char* text, int least, int preset) {
    return Json{{"type", "integer"},
                {"x-sluice", "duration"},
                {"minimum", least},
                {"default", preset},
                {"description", text}};
  };
  const auto text = [](const char* description) {
    return Json{{"type", "string"}, {"minLength", 1}, {"maxLength", 128}, {"description", description}};
  };
  Json p;
  p["device"] = text("The device's id at the gateway.");
  p["port"] = Json{{"type", "string"},
                   {"x-sluice", "device"},
                   {"description", "The serial line, best by its /dev/serial/by-id path."}};
  p["baud"] = Json{{"type", "integer"},
                   {"minimum", 1200},
                   {"maximum", 4000000},
                   {"default", 115200},
                   {"description", "Of the serial line."}};
  p["address"] = text("Instead of port: the IP address of a device that speaks SMP over UDP.");
  p["udp_port"] = Json{{"type", "integer"},
                       {"minimum", 1},
                       {"maximum", 65535},
                       {"default", kUdpPort},
                       {"description", "Of that device."}};
  p["access_token_file"] =
      Json{{"type", "string"},
           {"x-sluice", "file"},
           {"description",
            "A file with the device's access token; without it the adapter vouches for the device."}};
  p["model"] = text("Shown, and used to choose updates.");
  p["hardware"] = text("Shown, and used to choose updates.");
  p["topic"] = Json{{"type", "string"},
                    {"minLength", 1},
                    {"maxLength", 256},
                    {"default", "d/{device}/firmware"},
                    {"description", "Where the state of its images is published."}};
  p["poll"] = duration("How often the state of its images is read.", 1000, 60000);
  p["reply_timeout"] = duration("How long an answer may take.", 100, 2500);
  p["erase_timeout"] = duration("How long the device may erase a slot.", 1000, 40000);
  p["max_message"] =
      Json{{"type", "integer"},
           {"x-sluice", "size"},
           {"minimum", 0},
           {"maximum", 4096},
           {"default", 0},
           {"description", "No message larger than this; 0: what the device says that it takes."}};
  p["image"] = Json{{"type", "integer"},
                    {"minimum", 0},
                    {"maximum", 15},
                    {"description", "Which image, on devices with several."}};
  return Json{{"type", "object"}, {"required", {"device"}}, {"properties", p}};
}

result<Settings> settings_of(const Json& section) {
  Settings s;
  s.device = section.at("device");
  s.model = section.value("model", "");
  s.hardware = section.value("hardware", "");
  s.topic = section.at("topic");
  for (auto at = s.topic.find("{device}"); at != std::string::npos; at = s.topic.find("{device}"))
    s.topic.replace(at, 8, s.device);
  s.poll = milliseconds(section, "poll");
  s.target.usual.reply = milliseconds(section, "reply_timeout");
  s.target.least_reply = std::min(s.target.least_reply, s.target.usual.reply);
  s.target.erase = milliseconds(section, "erase_timeout");
  s.target.max_message = section.at("max_message");
  if (section.contains("image")) s.target.image = section.at("image").get<std::uint32_t>();
  if (s.target.max_message != 0 && s.target.max_message < kLeastMessage) {
    return Error{errc::invalid_argument,
                 fmt::format("max_message: {} is too small for an upload; {} at least, or 0",
                             s.target.max_message, kLeastMessage)};
  }
  if (section.contains("port") == section.contains("address")) {
    return Error{errc::invalid_argument, "give either port (a serial line) or address (UDP)"};
  }
  if (section.contains("port")) {
    s.serial = SerialOptions{section.at("port"), section.at("baud").get<unsigned>()};
  } else {
    s.address = section.at("address");
    s.udp_port = section.at("udp_port");
  }
  if (section.contains("access_token_file")) {
    auto token = adapter::read_secret(section.at("access_token_file").get<std::string>());
    if (!token) return Error{token.error().code, "access_token_file: " + token.error().text};
    s.token = std::move(*token);
  }
  return s;
}

}  // namespace sluice::smp
