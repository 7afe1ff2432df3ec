// A target and a simulated device with a wire in memory between them, in virtual time. The wire takes the
// time that 115200 baud take.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>

#include "core/task.hpp"
#include "plugins/smp/console_framing.hpp"
#include "plugins/smp/mcuboot_image.hpp"
#include "smp/device_port.hpp"
#include "smp/image_maker.hpp"
#include "tests/support/smp_update/send_file.hpp"
#include "tests/support/virtual_clock.hpp"

namespace sluice::smp::test {

using smp_device::Device;
using smp_device::DeviceOptions;
using smp_device::DevicePort;
using smp_device::Faults;
using smp_device::make_image;

class MemoryLine final : public Transport {
 public:
  MemoryLine(Clock& clock, DevicePort& device) : clock_(clock), device_(device) {
    device_.on_out([this](std::string bytes) {
      after(bytes, [this, bytes] {
        std::vector<std::string> messages;
        reader_.feed(bytes, messages);
        for (const auto& message : messages) {
          if (receiver_) receiver_(message);
        }
      });
    });
  }
  void on_message(Receiver receiver) override { receiver_ = std::move(receiver); }
  bool send(std::string_view message) override {
    if (unplugged) return false;
    ++sent;
    largest = std::max(largest, message.size());
    if (eavesdrop) eavesdrop(message);
    for (const auto& line : console_lines(message)) after(line, [this, line] { device_.in(line); });
    return true;
  }
  std::size_t capacity(std::uint64_t buffer) const override { return buffer - kFrameOverhead; }
  std::size_t cautious_capacity() const override { return 2 * kLineBytes - kFrameOverhead; }
  std::string name() const override { return "line"; }

  bool unplugged = false;
  std::uint64_t sent = 0;
  std::size_t largest = 0;
  std::function<void(std::string_view message)> eavesdrop;

 private:
  void after(const std::string& bytes, std::function<void()> fn) {
    free_ = std::max(free_, clock_.now()) + bytes.size() * 87us;  // one line for both ways
    clock_.call_at(free_, std::move(fn));
  }
  Clock& clock_;
  DevicePort& device_;
  ConsoleReader reader_;
  Receiver receiver_;
  MonoTime free_{};
};

inline const std::string& factory_image() {
  static const std::string image = make_image({1, 0, 0, 0}, 20000, 1);
  return image;
}
inline const std::string& new_image() {
  static const std::string image = make_image({1, 1, 0, 0}, 30000, 2);
  return image;
}
inline std::string hash_of(const std::string& image) { return image_of(image)->hash; }
inline UploadHead head_of(const std::string& image) { return {image.size(), sha256(image), {}, false}; }

struct Bench {
  explicit Bench(DeviceOptions device_options = {}, TargetOptions target_options = {})
      : device(clock, device_options, factory_image(), faults),
        port(device, faults, 1, false),
        options(target_options) {
    device.on_say([this](std::string text) { said.push_back(std::move(text)); });
    replace_target();
  }
  // As when the adapter has been started anew: it knows nothing.
  void replace_target() {
    target.reset();
    line.reset();
    line.emplace(clock, port);
    target.emplace(loop, clock, *line, options, Log());
  }

  // Runs until the operation is done.
  template <typename T>
  T run(boost::asio::awaitable<T> operation, Duration most = 3h) {
    std::optional<T> outcome;
    bool ended = false;
    spawn(
        loop, Log(), "test",
        [&]() -> boost::asio::awaitable<void> { outcome.emplace(co_await std::move(operation)); },
        [&](bool) { ended = true; });
    for (Duration past{}; !ended && past < most; past += 1ms) {
      loop.restart();
      loop.poll();
      if (ended) break;
      clock.advance(1ms);
    }
    if (!outcome) throw std::runtime_error("the operation did not end");
    return std::move(*outcome);
  }
  result<Sent> send(const std::string& image, int restarts = 10) {
    SendFile file;
    file.head = head_of(image);
    file.read = [&image](std::uint64_t offset, std::size_t most) -> result<std::string> {
      return image.substr(offset, most);
    };
    file.progress = [this](std::uint64_t offset) { furthest = std::max(furthest, offset); };
    file.restarts = restarts;
    return run(send_file(*target, clock, std::move(file), Log()));
  }

  boost::asio::io_context loop{1};
  sluice::test::VirtualClock clock;
  Faults faults;
  Device device;
  DevicePort port;
  TargetOptions options;
  std::vector<std::string> said;
  std::optional<MemoryLine> line;
  std::optional<SmpTarget> target;
  std::uint64_t furthest = 0;
};

}  // namespace sluice::smp::test
