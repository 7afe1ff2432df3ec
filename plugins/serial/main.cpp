// The serial adapter (docs/serial.md).
#include "plugins/serial/driver.hpp"

int main(int argc, char** argv) {
  using namespace sluice;
  const adapter::Description description{.kind = "serial",
                                         .version = SLUICE_VERSION,
                                         .text = "Devices on a serial line",
                                         .network = false,
                                         .schema = serial::schema()};
  return adapter::run(argc, argv, description, serial::SerialDriver::make);
}
