// A simulated microcontroller: MCUmgr's OS and image groups over MCUboot's two slots, with faults on demand.
// Takes and gives whole SMP messages; DevicePort puts them on a line. Used by tests, sluice-smp-device,
// quickstart.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "smp/bootloader.hpp"
#include "smp/faults.hpp"

namespace sluice::smp_device {

struct DeviceOptions {
  int mode = 3;  // MCUboot's: 3 swap, 2 overwrite only
  std::size_t slot_size = 1 << 20;
  std::size_t buffer_size = 384;  // announced by params
  std::size_t true_buffer = 0;    // what it really has; 0: as announced
  std::size_t buffer_count = 4;
  std::size_t flash_align = 8;  // how many bytes a write takes at least
  bool image_check = true;      // the device checks the SHA-256 of what it received
  bool params = true;           // old devices do not know the command
  bool bootloader_info = true;
  bool version_1 = false;  // refuses messages of version 2; errors as numbers
  std::string os = "Zephyr sluice-sim 3.7.0 simulated";
};

class Device {
 public:
  using Send = std::function<void(std::string message)>;
  using Say = std::function<void(std::string line)>;

  Device(Clock& clock, DeviceOptions options, std::string factory_image, Faults& faults);

  // Where answers go, and what the device says of itself (boots, refusals).
  void on_send(Send send) { send_ = std::move(send); }
  void on_say(Say say) { say_ = std::move(say); }

  void receive(std::string message);
  void reset();  // as by its button
  void forget_upload() { upload_ = {}; }

  bool booting() const { return boot_.pending(); }
  Bootloader& bootloader() { return bootloader_; }
  const DeviceOptions& options() const { return options_; }
  struct Counters {
    std::uint64_t requests = 0, chunks = 0, boots = 0, uploads = 0, refused = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Upload {  // in RAM
    bool open = false;
    std::uint64_t size = 0, offset = 0;
    std::string sha;
  };
  struct Outcome {
    smp::cbor::Map body;
    Duration takes{};
    bool answered = true;
  };

  void next();
  void answer(const smp::Header& request, smp::cbor::Map body, Duration after);
  Outcome handle(const smp::Message& message);
  Outcome os_group(const smp::Message& message);
  Outcome image_group(const smp::Message& message);
  Outcome state() const;
  Outcome write_state(const smp::cbor::Value& body);
  Outcome upload(const smp::cbor::Value& body);
  std::optional<Outcome> open_upload(const smp::cbor::Value& body, std::string_view data, Duration& takes);
  Outcome erase();
  Outcome refuse(std::uint16_t group, std::uint64_t code);
  void boot_up();
  void say(std::string line) const {
    if (say_) say_(std::move(line));
  }

  Clock& clock_;
  DeviceOptions options_;
  Faults& faults_;
  Bootloader bootloader_;
  Send send_;
  Say say_;
  Upload upload_;
  std::deque<std::string> waiting_;  // bounded by buffer_count
  Timer work_, boot_, reset_;
  Counters counters_;
};

}  // namespace sluice::smp_device
