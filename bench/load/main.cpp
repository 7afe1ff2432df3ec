// mqtt-load: publishes, holds or consumes MQTT at a rate that no server under test reaches. One thread.
#include "load/runs.hpp"

int main(int argc, char** argv) {
  using namespace sluice::load;
  const Options options = read_options(argc, argv);
  switch (options.mode) {
    case Mode::idle:
      return run_idle(options);
    case Mode::sink:
      return run_sink(options);
    default:
      return run_publish(options);
  }
}
