// Devices added, changed and removed while we run: first the registry, then, when it is on disk, the memory.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "device/directory.hpp"

namespace sluice::device {
namespace {

Error unknown(const std::string& id) { return {errc::not_found, fmt::format("there is no device `{}`", id)}; }

Error from_file(const std::string& id) {
  return {errc::denied,
          fmt::format("device {} is written in the config file; change it there and reload", id)};
}

}  // namespace

void Directory::write(const std::string& id, const Row& row, std::function<void()> then, Done done) {
  nlohmann::json json = {{"product", row.product}, {"token_hash", row.token_hash}, {"enabled", row.enabled}};
  if (row.admitted) json["admitted"] = true;
  registry_.put(
      kDeviceSpace, id, json.dump(),
      [this, alive = alive_, id, row, then = std::move(then), done = std::move(done)](result<void> written) {
        if (!*alive) return;
        if (written) {
          rows_[id] = row;
          then();
        }
        done(std::move(written));
      });
}

Directory::Row Directory::row_of(const Device& device) const {
  const auto it = rows_.find(device.ref.id);
  Row row = it == rows_.end() ? Row{} : it->second;
  row.enabled = device.enabled;
  return row;
}

void Directory::add(std::string id, std::string product, std::string token_hash, bool admitted, Done done) {
  if (const auto known = find(id); known && !known->unproven()) {
    return done(
        Error{errc::exists,
              fmt::format("there is a device {} already; to change it: set its token or remove it", id)});
  }
  if (devices_.size() >= kMaxDevices) {
    return done(Error{errc::full, fmt::format("there are {} devices, which is the most", kMaxDevices)});
  }
  if (auto trial = make(options_, id, product); !trial) return done(trial.error());
  const Row row{product, token_hash, true, admitted};
  write(
      id, row,
      [this, id, row] {
        auto device = make(options_, id, row.product);
        if (!device) return;  // a reload took the product away meanwhile
        if (const auto old = find(id)) {
          if (!old->unproven()) return;
          old->removed = true;  // the room disconnects it
          if (old->anonymous) --anonymous_count_;
        }
        (*device)->token_hash = row.token_hash;
        (*device)->admitted = row.admitted;
        (*device)->ref.name = store_.name_id(id);
        find_identity(**device, options_);
        devices_[id] = *device;
      },
      std::move(done));
}

void Directory::set_token(std::string id, std::string token_hash, Done done) {
  const auto device = find(id);
  if (!device || device->unproven()) return done(unknown(id));
  if (device->from_config) return done(from_file(id));
  auto row = row_of(*device);
  row.token_hash = std::move(token_hash);
  write(
      id, row,
      [device, hash = row.token_hash] {
        device->token_hash = hash;
        device->token.reset();
      },
      std::move(done));
}

void Directory::set_enabled(std::string id, bool enabled, Done done) {
  const auto device = find(id);
  if (!device || device->unproven()) return done(unknown(id));
  auto row = row_of(*device);
  row.enabled = enabled;
  // Out at once, back in only when it is written: fail closed.
  if (!enabled) device->enabled = false;
  write(id, row, [device, enabled] { device->enabled = enabled; }, std::move(done));
}

void Directory::remove(std::string id, Done done) {
  const auto device = find(id);
  if (!device || device->unproven()) return done(unknown(id));
  if (device->from_config) return done(from_file(id));
  device->enabled = false;
  registry_.erase(kDeviceSpace, id,
                  [this, alive = alive_, id, device, done = std::move(done)](result<void> erased) {
                    if (!*alive) return;
                    if (erased) {
                      rows_.erase(id);
                      device->removed = true;
                      if (const auto it = devices_.find(id); it != devices_.end() && it->second == device)
                        devices_.erase(it);
                    }
                    done(std::move(erased));
                  });
}

}  // namespace sluice::device
