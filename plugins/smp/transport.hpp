// The way to one device: whole SMP messages out and in, however many are lost. Serial console, UDP, and in
// tests a wire in memory. Used by Exchange; all calls on the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sluice::smp {

class Transport {
 public:
  using Receiver = std::function<void(std::string_view message)>;

  virtual ~Transport() = default;
  // Whoever gets what arrives; never called from inside send().
  virtual void on_message(Receiver receiver) = 0;
  // False when there is no way at present (the port is unplugged); true does not say that it arrives.
  virtual bool send(std::string_view message) = 0;
  // The largest message for a device whose params announce a buffer of this size.
  virtual std::size_t capacity(std::uint64_t device_buffer) const = 0;
  // The same before the device has told, or when it does not tell.
  virtual std::size_t cautious_capacity() const = 0;
  // Where to, for the log.
  virtual std::string name() const = 0;
};

}  // namespace sluice::smp
