// The adapter `smp`: one device with MCUmgr and MCUboot, on a serial line or over UDP.
#include "plugins/sdk/run.hpp"
#include "plugins/smp/driver.hpp"
#include "plugins/smp/udp_transport.hpp"

namespace sluice::smp {
namespace {

Log log_to(adapter::Gateway& gateway) {
  auto sink =
      std::make_shared<const Log::Sink>([&gateway](Level level, std::string_view, std::string_view line) {
        constexpr int kLevels[] = {7, 6, 4, 3};
        gateway.log(kLevels[static_cast<int>(level)], line);
      });
  return Log(std::move(sink), "smp");
}

result<std::unique_ptr<adapter::Driver>> make_driver(const adapter::Start& start, adapter::House house) {
  auto settings = settings_of(start.section);
  if (!settings) return settings.error();
  const Log log = log_to(house.gateway);
  std::unique_ptr<Transport> transport;
  if (settings->serial) {
    transport = make_serial_transport(house.loop, house.clock, *settings->serial, log);
  } else {
    auto udp = make_udp_transport(house.loop, settings->address, settings->udp_port, log);
    if (!udp) return udp.error();
    transport = std::move(*udp);
  }
  return std::unique_ptr<adapter::Driver>(
      std::make_unique<Driver>(house, std::move(*settings), std::move(transport), log));
}

}  // namespace
}  // namespace sluice::smp

int main(int argc, char** argv) {
  const sluice::adapter::Description description{
      "smp", SLUICE_VERSION, "A device with MCUmgr and MCUboot, on a serial line or over UDP", true,
      sluice::smp::settings_schema()};
  return sluice::adapter::run(argc, argv, description, sluice::smp::make_driver);
}
