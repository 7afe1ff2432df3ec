// What --describe says, and with it `sluicectl config check`.
#include "plugins/modbus/settings.hpp"

namespace sluice::modbus {
namespace {

using adapter::Json;

Json text(const char* description, std::size_t least = 0) {
  Json out = {{"type", "string"}, {"maxLength", 256}, {"description", description}};
  if (least != 0) out["minLength"] = least;
  return out;
}

Json choice(const std::vector<std::string>& words, const Json& otherwise, const char* description) {
  Json out = {{"type", "string"}, {"enum", words}, {"description", description}};
  if (!otherwise.is_null()) out["default"] = otherwise;
  return out;
}

Json number(std::int64_t least, std::int64_t most, const Json& otherwise, const char* description) {
  Json out = {{"type", "integer"}, {"minimum", least}, {"maximum", most}, {"description", description}};
  if (!otherwise.is_null()) out["default"] = otherwise;
  return out;
}

Json duration(std::int64_t least, std::int64_t most, const Json& otherwise, const char* description) {
  auto out = number(least, most, otherwise, description);
  out["x-sluice"] = "duration";
  return out;
}

Json flag(bool otherwise, const char* description) {
  return {{"type", "boolean"}, {"default", otherwise}, {"description", description}};
}

Json list(const Json& items, std::size_t least, std::size_t most, const char* description) {
  return {{"type", "array"},
          {"items", items},
          {"minItems", least},
          {"maxItems", most},
          {"description", description}};
}

const std::vector<std::string> kOrders = {"abcd", "cdab", "badc", "dcba"};

Json real(const char* description) { return {{"type", "number"}, {"description", description}}; }

Json register_schema() {
  Json factor = real("value = raw * factor + offset.");
  factor["default"] = 1;
  Json offset = real("See factor.");
  offset["default"] = 0;
  return {
      {"type", "object"},
      {"required", {"name", "address"}},
      {"properties",
       {{"name", text("Of the value.", 1)},
        {"table", choice({"holding", "input", "coil", "discrete"}, "holding", "Where it is.")},
        {"address", number(0, 65'535, nullptr, "From 0, as on the wire: register 40001 is holding, 0.")},
        {"type", choice({"int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64",
                         "bool", "bits", "string"},
                        nullptr, "uint16 unless given, bool of coils and discrete inputs.")},
        {"order", choice(kOrders, nullptr, "Bytes and words on the wire; that of the map unless given.")},
        {"factor", factor},
        {"offset", offset},
        {"units", text("As in V, kWh.")},
        {"min", real("Beyond it a reading is bad and a command is refused.")},
        {"max", real("Beyond it a reading is bad and a command is refused.")},
        {"absent", {{"type", "integer"}, {"description", "The raw value that means that there is none."}}},
        {"bit", number(0, 15, 0, "bool in a register: which, 0 is the least significant.")},
        {"count", number(1, 64, nullptr, "bits: how many; 16 unless given.")},
        {"flags", list(text("Of one bit; empty: none."), 1, 64, "bits: their names, from bit 0.")},
        {"length", number(1, 125, nullptr, "string: registers.")},
        {"writable", flag(false, "Commands may set it.")},
        {"verify", flag(true, "What is written is read back.")},
        {"every", duration(10, 86'400'000, nullptr, "That of the group unless given.")}}}};
}

Json map_schema() {
  const Json group = {{"type", "object"},
                      {"required", {"name", "registers"}},
                      {"properties",
                       {{"name", text("Of what is published together.", 1)},
                        {"every", duration(10, 86'400'000, 1000, "How often it is read.")},
                        {"on_change", flag(false, "Published only when a value or its quality is another.")},
                        {"registers", list(register_schema(), 1, 2000, "The values.")}}}};
  return {{"type", "object"},
          {"required", {"groups"}},
          {"properties",
           {{"order", choice(kOrders, nullptr, "Of its registers.")},
            {"groups", list(group, 1, 100, "What is read and published together.")}}}};
}

Json unit_schema() {
  Json token = text("File with its token; none: the adapter vouches for it.");
  token["x-sluice"] = "file";
  return {{"type", "object"},
          {"required", {"unit", "device", "map"}},
          {"properties",
           {{"unit", number(0, 255, nullptr, "Its address on the bus: 1 to 247; with TCP also 0 and 255.")},
            {"device", text("Its id at the gateway.", 1)},
            {"map", text("Which of `maps`.", 1)},
            {"timeout", duration(5, 60'000, nullptr, "For an answer; that of the bus unless given.")},
            {"token_file", token},
            {"model", text("")},
            {"hardware", text("")},
            {"firmware", text("")},
            {"subscribe", list(text("Filter, with {device}."), 0, 32, "Where its commands come.")}}}};
}

}  // namespace

Json schema() {
  Json port = text("RTU: the line; best one of /dev/serial/by-id.");
  port["x-sluice"] = "device";
  Json baud = number(110, 4'000'000, 19'200, "RTU.");
  baud["enum"] = {110,       300,       600,       1'200,     2'400,     4'800,     9'600,    19'200,
                  38'400,    57'600,    115'200,   230'400,   460'800,   500'000,   576'000,  921'600,
                  1'000'000, 1'152'000, 1'500'000, 2'500'000, 3'000'000, 3'500'000, 4'000'000};
  const Json properties = {
      {"port", port},
      {"baud", baud},
      {"data_bits", number(7, 8, 8, "RTU.")},
      {"stop_bits", number(1, 2, 1, "RTU; 2 with parity none, says the specification.")},
      {"parity", choice({"even", "none", "odd"}, "even", "RTU.")},
      {"rs485",
       flag(false, "RTU: the driver switches the direction; most USB adapters do it by themselves.")},
      {"host", text("TCP, instead of port: name or address.")},
      {"tcp_port", number(1, 65'535, 502, "TCP.")},
      {"silence",
       duration(0, 10'000, nullptr, "Between frames; RTU: 3.5 characters unless given, TCP: none.")},
      {"timeout", duration(5, 60'000, 500, "For an answer.")},
      {"retries", number(0, 10, 2, "Of a request, before its unit counts as not answering.")},
      {"gap", number(0, 124, 16, "Registers between two wanted ones that are read along.")},
      {"most_registers", number(1, 125, 125, "In one transaction.")},
      {"most_bits", number(1, 2000, 2000, "In one transaction.")},
      {"stale_after",
       duration(0, 86'400'000, 60'000, "How long the last value is shown of what cannot be read.")},
      {"back_off",
       duration(100, 86'400'000, 60'000, "How rarely a unit that does not answer is asked, at most.")},
      {"order", choice(kOrders, "abcd", "Bytes and words on the wire.")},
      {"topic", {{"type", "string"}, {"default", "d/{device}/{group}"}, {"description", "Of readings."}}},
      {"reply",
       {{"type", "string"}, {"default", "d/{device}/reply"}, {"description", "What became of a command."}}},
      {"maps",
       {{"type", "object"},
        {"additionalProperties", map_schema()},
        {"description", "Register maps by name."}}},
      {"units", list(unit_schema(), 1, 255, "Who is on the bus.")}};
  return {{"type", "object"}, {"required", {"maps", "units"}}, {"properties", properties}};
}

}  // namespace sluice::modbus
