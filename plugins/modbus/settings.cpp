#include "plugins/modbus/settings.hpp"

#include <fmt/format.h>

#include <set>

#include "plugins/sdk/secret_file.hpp"
#include "plugins/sdk/section.hpp"

namespace sluice::modbus {
namespace {

using adapter::Json;
using adapter::milliseconds;
using adapter::text;
using adapter::wrong;

std::string filled(std::string text, std::string_view device) {
  constexpr std::string_view kWhat = "{device}";
  for (auto at = text.find(kWhat); at != std::string::npos; at = text.find(kWhat, at + device.size()))
    text.replace(at, kWhat.size(), device);
  return text;
}

result<std::string> token_of(const std::string& device, const std::string& path) {
  if (path.empty()) return std::string();
  auto token = adapter::read_secret(path);
  if (!token) return wrong("units: " + device + ": token_file", token.error().text);
  return token;
}

// Three and a half characters of silence end a frame (Modbus over serial line 1.02, 2.5.1.1): above 19200
// baud fixed, as a clock cannot do less.
Duration silence_of(const SerialLine& line) {
  if (line.baud > 19'200) return 1750us;
  const int bits = 1 + line.data_bits + (line.parity == 'N' ? 0 : 1) + line.stop_bits;
  return Duration(3'500'000'000LL * bits / line.baud);
}

result<void> read_line(const Json& section, Settings& settings) {
  if (section.contains("port") == section.contains("host"))
    return wrong("port", "give either port (a serial line, RTU) or host (TCP)");
  if (section.contains("host")) {
    settings.line = TcpPeer{text(section, "host"), section.value("tcp_port", 502)};
    settings.silence = milliseconds(section, "silence", 0);
    return {};
  }
  SerialLine line;
  line.path = text(section, "port");
  line.baud = section.value("baud", 19'200);
  line.data_bits = section.value("data_bits", 8);
  line.stop_bits = section.value("stop_bits", 1);
  const auto parity = text(section, "parity", "even");
  line.parity = parity == "none" ? 'N' : parity == "odd" ? 'O' : 'E';
  line.rs485 = section.value("rs485", false);
  settings.silence = section.contains("silence") ? milliseconds(section, "silence", 0) : silence_of(line);
  settings.line = line;
  return {};
}

UnitSettings read_bus(const Json& section) {
  UnitSettings bus;
  bus.timeout = milliseconds(section, "timeout", 500);
  bus.retries = section.value("retries", 2U);
  bus.stale_after = milliseconds(section, "stale_after", 60'000);
  bus.most_apart = milliseconds(section, "back_off", 60'000);
  bus.merge = {.gap = section.value("gap", 16U),
               .most_registers = section.value("most_registers", kMostReadRegisters),
               .most_bits = section.value("most_bits", kMostReadBits)};
  return bus;
}

result<UnitSettings> read_unit(const Json& given, const UnitSettings& bus, bool serial) {
  auto unit = bus;
  const auto number = given.at("unit").get<unsigned>();
  unit.unit = static_cast<std::uint8_t>(number);
  unit.device = text(given, "device");
  unit.map = text(given, "map");
  unit.model = text(given, "model");
  unit.hardware = text(given, "hardware");
  unit.firmware = text(given, "firmware");
  if (given.contains("timeout")) unit.timeout = milliseconds(given, "timeout", 0);
  for (const auto& filter : given.value("subscribe", std::vector<std::string>{"d/{device}/cmd/#"}))
    unit.subscribe.push_back(filled(filter, unit.device));
  // 0 is everybody, whom nobody may ask; 248 to 254 are reserved.
  if (serial ? number < 1 || number > 247 : number > 247 && number != 255)
    return wrong("units: " + unit.device, serial ? "unit is 1 to 247" : "unit is 0 to 247, or 255");
  auto token = token_of(unit.device, text(given, "token_file"));
  if (!token) return token.error();
  unit.token = std::move(*token);
  return unit;
}

result<void> check_sizes(const std::string& name, const RegisterMap& map, const MergeLimits& limits) {
  for (const auto& point : map.points) {
    if (point.size > (has_bits(point.table) ? limits.most_bits : limits.most_registers))
      return wrong("maps." + name,
                   point.name + " is longer than one transaction may be (most_registers, most_bits)");
  }
  return {};
}

}  // namespace

result<Settings> read_settings(const Json& section) {
  Settings settings;
  if (auto read = read_line(section, settings); !read) return read.error();
  settings.topic = text(section, "topic", "d/{device}/{group}");
  settings.reply = text(section, "reply", "d/{device}/reply");
  const auto bus = read_bus(section);
  const auto maps = section.value("maps", Json::object());
  for (const auto& [name, given] : maps.items()) {
    auto map = read_map(given, text(section, "order", "abcd"));
    if (!map) return wrong("maps." + name, map.error().text);
    if (auto fits = check_sizes(name, *map, bus.merge); !fits) return fits.error();
    settings.maps.emplace(name, std::move(*map));
  }
  std::set<std::string> devices;
  std::set<unsigned> numbers;
  for (const auto& given : section.value("units", Json::array())) {
    auto unit = read_unit(given, bus, settings.is_serial());
    if (!unit) return unit.error();
    if (!settings.maps.contains(unit->map))
      return wrong("units: " + unit->device, "there is no map `" + unit->map + "` under maps");
    if (!devices.insert(unit->device).second) return wrong("units", unit->device + " is there twice");
    if (!numbers.insert(unit->unit).second)
      return wrong("units", fmt::format("unit {} is there twice", unit->unit));
    settings.units.push_back(std::move(*unit));
  }
  if (settings.units.empty()) return wrong("units", "nobody is on the bus");
  return settings;
}

}  // namespace sluice::modbus
