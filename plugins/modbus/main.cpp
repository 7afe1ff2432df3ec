// The Modbus adapter (docs/modbus.md).
#include "plugins/modbus/driver.hpp"

int main(int argc, char** argv) {
  using namespace sluice;
  const adapter::Description description{.kind = "modbus",
                                         .version = SLUICE_VERSION,
                                         .text = "Devices on Modbus, RTU and TCP",
                                         .network = true,
                                         .schema = modbus::schema()};
  return adapter::run(argc, argv, description, modbus::ModbusDriver::make);
}
