// Any payload as a command, to a unit that answers anything; any registers as values.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "plugins/modbus/settings.hpp"
#include "plugins/modbus/value.hpp"
#include "plugins/modbus/write_job.hpp"

namespace {

using namespace sluice::modbus;
using Json = nlohmann::json;

// One of everything, in every order.
RegisterMap everything() {
  Json registers = Json::array();
  const auto add = [&registers](Json more) {
    more["name"] = std::string(1, static_cast<char>('a' + registers.size()));
    more["address"] = registers.size() * 8;
    more["writable"] = true;
    registers.push_back(std::move(more));
  };
  for (const auto* type : {"int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"})
    add({{"type", type}, {"order", registers.size() % 2 == 0 ? "dcba" : "cdab"}});
  add({{"type", "int32"}, {"factor", 0.1}, {"offset", -40}, {"min", -10}, {"max", 50}});
  add({{"type", "uint64"}, {"factor", 1e-9}, {"absent", -1}});
  add({{"type", "float32"}, {"factor", 1e30}});
  add({{"type", "bool"}, {"bit", 7}});
  add({{"type", "bits"}, {"count", 20}});
  add({{"type", "bits"}, {"flags", {"x", "", "y"}}, {"order", "badc"}});
  add({{"type", "string"}, {"length", 4}});
  add({{"table", "coil"}});
  add({{"table", "coil"}, {"type", "bits"}, {"count", 5}});
  return *read_map({{"groups", Json::array({{{"name", "g"}, {"registers", registers}}})}}, "abcd");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kMap = everything();
  if (size < 2) return 0;
  UnitSettings settings;
  settings.device = "d";
  const UnitState unit(settings, kMap, {});
  const auto choice = data[0];
  const std::string_view payload(reinterpret_cast<const char*>(data + 1), size - 1);

  std::size_t at = 1;
  const auto byte = [&] { return data[at++ % size]; };
  const auto words = [&](std::size_t count, bool bits) {
    std::vector<std::uint16_t> out(count);
    for (auto& word : out) word = static_cast<std::uint16_t>(bits ? byte() & 1 : byte() << 8 | byte());
    return out;
  };
  for (const auto& point : kMap.points) {
    const auto raw = words(point.size, has_bits(point.table));
    const auto decoded = decode(point, raw);
    if (decoded.good() == decoded.value.is_null()) __builtin_trap();
    (void)decoded.value.dump();
    if (!decoded.good()) continue;
    // What is read can be written, if it is not out of range by the dust of its scaling.
    if (!encode(point, decoded.value, raw) && !point.scaled()) __builtin_trap();
  }

  auto job = WriteJob::make(unit, payload);
  if (!job) return job.error().text.empty() ? (__builtin_trap(), 0) : 0;
  std::vector<std::uint16_t> written;
  for (unsigned step = 0; const auto request = job->next(); ++step) {
    if (step > kMap.points.size() * 5) __builtin_trap();
    if (request->writes() ? request->values.size() > 8 : request->count == 0 || request->count > 8)
      __builtin_trap();
    if (request->writes()) written = request->values;
    Response response{choice % 16 == 15 ? Outcome::silent : Outcome::ok, 0, {}, "no"};
    // It keeps what was written, or not.
    if (!request->writes())
      response.values = choice % 2 == 0 && written.size() == request->count
                            ? written
                            : words(request->count, has_bits(request->table));
    job->take(response);
  }
  return 0;
}
