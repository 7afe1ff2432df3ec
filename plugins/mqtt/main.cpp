// The mqtt adapter (docs/mqtt-adapter.md).
#include "plugins/mqtt/site_driver.hpp"

int main(int argc, char** argv) {
  using namespace sluice;
  const adapter::Description description{.kind = "mqtt",
                                         .version = SLUICE_VERSION,
                                         .text = "Devices behind a broker that the site already has",
                                         .network = true,
                                         .schema = site::schema()};
  return adapter::run(argc, argv, description, site::SiteDriver::make);
}
