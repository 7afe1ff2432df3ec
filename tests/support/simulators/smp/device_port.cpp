#include "smp/device_port.hpp"

#include <fmt/format.h>

namespace sluice::smp_device {
namespace {

constexpr std::size_t kLongestLine = 1024;

}  // namespace

DevicePort::DevicePort(Device& device, Faults& faults, std::uint64_t seed, bool datagrams)
    : device_(device), faults_(faults), chance_(seed), datagrams_(datagrams) {
  device_.on_send([this](const std::string& message) { send(message); });
}

bool DevicePort::survives(std::string& line) {
  if (chance_.hits(faults_.drop)) {
    ++counters_.dropped;
    return false;
  }
  if (!line.empty() && chance_.hits(faults_.flip)) {
    ++counters_.flipped;
    auto& byte = line[chance_.below(line.size())];
    byte = static_cast<char>(byte ^ (1 << chance_.below(8)));
  }
  return true;
}

void DevicePort::in(std::string_view bytes) {
  if (!datagrams_) return lines(bytes);
  ++counters_.lines_in;
  std::string datagram(bytes);
  if (survives(datagram)) device_.receive(std::move(datagram));
}

void DevicePort::lines(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    half_line_.append(bytes.substr(0, end));
    if (half_line_.size() > kLongestLine) half_line_.clear();
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    auto line = std::exchange(half_line_, {}) + '\n';
    ++counters_.lines_in;
    if (!survives(line)) continue;
    std::vector<std::string> messages;
    reader_.feed(line, messages);
    for (auto& message : messages) device_.receive(std::move(message));
  }
}

void DevicePort::send(const std::string& message) {
  if (!out_) return;
  const auto put = [this](std::string line) {
    ++counters_.lines_out;
    if (survives(line)) out_(std::move(line));
  };
  if (datagrams_) return put(message);
  for (auto& line : smp::console_lines(message)) {
    if (chance_.hits(faults_.noise)) {
      out_(fmt::format("[00:{:02}:{:02}.{:03},000] <inf> main: temperature {}\r\n", chance_.below(60),
                       chance_.below(60), chance_.below(1000), chance_.below(40)));
    }
    put(std::move(line));
  }
}

}  // namespace sluice::smp_device
