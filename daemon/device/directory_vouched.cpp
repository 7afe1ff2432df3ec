// Devices that have no credential of their own because an adapter's configuration vouches for them.
#include <fmt/format.h>

#include <algorithm>

#include "device/directory.hpp"

namespace sluice::device {
namespace {

constexpr std::size_t kMaxVouchedDevices = 20'000;

}  // namespace

result<std::shared_ptr<Device>> Directory::vouched(std::string_view id, const std::string& product) {
  if (auto known = find(id)) {
    if (!known->vouched)
      return Error{errc::denied, "the device is known here and must prove itself with its token"};
    if (known->ref.product == product) return known;
    // Another line, another product: rights are never a mixture. Its connections are gone, or it is held.
    if (!known->holder.empty()) return known;
    known->removed = true;
    devices_.erase(devices_.find(id));
  }
  const auto count =
      std::count_if(devices_.begin(), devices_.end(), [](const auto& item) { return item.second->vouched; });
  if (static_cast<std::size_t>(count) >= kMaxVouchedDevices)
    return Error{errc::full, fmt::format("adapters vouch for {} devices already", kMaxVouchedDevices)};
  auto device = make(options_, std::string(id), product);
  if (!device) return device.error();
  (*device)->vouched = true;
  (*device)->ref.name = store_.name_id(id);
  find_identity(**device, options_);
  devices_.emplace(std::string(id), *device);
  return *device;
}

}  // namespace sluice::device
