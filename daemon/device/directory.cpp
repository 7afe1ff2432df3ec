#include "device/directory.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/glob.hpp"
#include "device/file_trouble.hpp"
#include "device/token_hash.hpp"

namespace sluice::device {
namespace {

const ProductOptions* product_named(const Options& options, std::string_view name) {
  const auto it = std::find_if(options.products.begin(), options.products.end(),
                               [name](const auto& p) { return p.name == name; });
  return it == options.products.end() ? nullptr : &*it;
}

bool is_file(const std::filesystem::path& path) {
  std::error_code ec;
  return std::filesystem::is_regular_file(path, ec);
}

void add_line(std::string& problems, const std::string& line) {
  if (!problems.empty()) problems += '\n';
  problems += line;
}

}  // namespace

std::string_view to_string(AuthMethod method) {
  switch (method) {
    case AuthMethod::none:
      return "none";
    case AuthMethod::token:
      return "token";
    case AuthMethod::certificate:
      return "certificate";
    case AuthMethod::anonymous:
      return "anonymous";
    case AuthMethod::adapter:
      return "adapter";
  }
  return "none";
}

Directory::Directory(store::Store& store, store::Registry& registry, Log log)
    : store_(store), registry_(registry), log_(std::move(log)) {}

std::shared_ptr<Device> Directory::find(std::string_view id) const {
  const auto it = devices_.find(id);
  return it == devices_.end() ? nullptr : it->second;
}

result<std::shared_ptr<Device>> Directory::make(const Options& options, const std::string& id,
                                                const std::string& product_name) const {
  const auto* product = product_named(options, product_name);
  if (product == nullptr) {
    std::string known;
    for (const auto& p : options.products) known += (known.empty() ? "" : ", ") + p.name;
    return Error{errc::invalid_argument,
                 fmt::format("device {}: there is no product `{}`; the config has: {}", id, product_name,
                             known.empty() ? "none" : known)};
  }
  auto access = Access::make(*product, id);
  if (!access) return access.error();
  auto device = std::make_shared<Device>();
  device->ref.id = id;
  device->ref.product = product_name;
  device->access = std::make_shared<const Access>(std::move(*access));
  device->limits = product->limits;
  return device;
}

result<void> Directory::equip(Device& device, const DeviceOptions& options) const {
  device.from_config = true;
  device.identity = options.certificate;
  if (!options.token_hash.empty()) {
    if (!valid_token_hash(options.token_hash)) {
      return Error{
          errc::invalid_argument,
          fmt::format(
              "device {}: token_hash is not a hash as `sluicectl` prints it ($scrypt$ln=..,r=8,p=1$..$..)",
              options.id)};
    }
    device.token_hash = options.token_hash;
  }
  if (!options.token_file.empty()) {
    auto token = read_file(options.token_file, fmt::format("the token of device {}", options.id), 4096);
    if (!token) return token.error();
    while (!token->empty() && (token->back() == '\n' || token->back() == '\r')) token->pop_back();
    if (token->empty()) {
      return Error{errc::invalid_argument, fmt::format("device {}: the token file {} is empty", options.id,
                                                       options.token_file.string())};
    }
    device.token = seal_.mark(options.id, *token);
    OPENSSL_cleanse(token->data(), token->size());
    struct stat info{};
    if (::stat(options.token_file.c_str(), &info) == 0 && (info.st_mode & 0007) != 0) {
      log_.warn("the token of device {} can be read by everybody: chmod 0640 {}", options.id,
                options.token_file.string());
    }
  }
  return {};
}

void Directory::find_identity(Device& device, const Options& options) const {
  const auto* product = product_named(options, device.ref.product);
  auto& files = device.identity;
  const bool own =
      product != nullptr && product->identity == ProductOptions::Identity::own && !device.anonymous;
  if (own && (files.certificate.empty() || !device.from_config) && !options.certificates.empty()) {
    files = {options.certificates / (device.ref.id + ".crt"), options.certificates / (device.ref.id + ".key"),
             options.cloud.tls.ca};
  }
  if (!own || !is_file(files.certificate) || !is_file(files.key)) files = {};
  if (files.ca.empty() && !files.certificate.empty()) files.ca = options.cloud.tls.ca;
  // Until its identity is there, its readings wait in its lane: they are not the gateway's to send.
  device.provisioned = own && files.certificate.empty() &&
                       options.cloud.provisioning.method != ProvisioningOptions::Method::given;
  device.ref.lane = files.certificate.empty() && !device.provisioned ? kGatewayLane : device.ref.name;
}

result<std::map<std::string, Directory::Row>> Directory::stored_rows() {
  std::map<std::string, Row> rows;
  auto scanned = registry_.scan(kDeviceSpace, [&](std::string_view key, std::string_view value) {
    const auto json = nlohmann::json::parse(value, nullptr, false);
    if (!json.is_object() || rows.size() >= kMaxDevices) {
      log_.error("the registry's row of device `{}` cannot be read; add the device again", key);
      return;
    }
    const auto text = [&json](const char* name) {
      const auto it = json.find(name);
      return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
    };
    // Fail closed: anything but a plain `true` keeps the device out.
    const auto enabled = json.find("enabled");
    const auto admitted = json.find("admitted");
    rows[std::string(key)] = {text("product"), text("token_hash"),
                              enabled != json.end() && enabled->is_boolean() && enabled->get<bool>(),
                              admitted != json.end() && admitted->is_boolean() && admitted->get<bool>()};
  });
  if (!scanned) return scanned.error();
  return rows;
}

result<std::vector<std::shared_ptr<Device>>> Directory::load(const Options& options) {
  if (!scanned_) {
    auto rows = stored_rows();
    if (!rows) return rows.error();
    rows_ = std::move(*rows);
    scanned_ = true;
  }
  std::string problems;
  Devices fresh;
  for (const auto& product : options.products) {
    // Also products without devices: a mistake shows now, not when the first device comes.
    if (auto trial = Access::make(product, "device"); !trial) add_line(problems, trial.error().text);
  }
  for (const auto& given : options.devices) {
    auto device = make(options, given.id, given.product);
    if (device) {
      if (auto equipped = equip(**device, given); !equipped) device = equipped.error();
    }
    if (!device) {
      add_line(problems, device.error().text);
    } else if (!fresh.emplace(given.id, *device).second) {
      add_line(problems, fmt::format("device {} is in the config twice", given.id));
    }
  }
  if (!options.anonymous_product.empty() && product_named(options, options.anonymous_product) == nullptr) {
    add_line(problems, fmt::format("anonymous clients: there is no product `{}`", options.anonymous_product));
  }
  if (!problems.empty()) return Error{errc::invalid_argument, problems};

  for (const auto& [id, row] : rows_) {
    if (const auto it = fresh.find(id); it != fresh.end()) {
      it->second->enabled = row.enabled;
      continue;
    }
    if (row.product.empty()) continue;  // only said that a device of an earlier config was disabled
    auto device = make(options, id, row.product);
    if (!device) {
      log_.error("a device that was added at run time is kept out: {}", device.error().text);
      continue;
    }
    (*device)->token_hash = valid_token_hash(row.token_hash) ? row.token_hash : "";
    (*device)->enabled = row.enabled;
    (*device)->admitted = row.admitted;
    fresh.emplace(id, *device);
  }

  // From here on nothing fails. Those who stay keep their object: connections and ingest hold on to it.
  std::vector<std::shared_ptr<Device>> leave;
  for (auto& [id, old] : devices_) {
    const auto it = fresh.find(id);
    if (it == fresh.end()) {
      if (old->anonymous && !options.anonymous_product.empty()) {
        if (auto again = make(options, id, options.anonymous_product)) {
          old->access = (*again)->access;
          old->limits = (*again)->limits;
          old->ref.product = options.anonymous_product;
          fresh.emplace(id, old);
          continue;
        }
      }
      if (auto again =
              old->vouched ? make(options, id, old->ref.product) : result<std::shared_ptr<Device>>(nullptr);
          again && *again) {
        old->access = (*again)->access;
        old->limits = (*again)->limits;
        fresh.emplace(id, old);
        continue;
      }
      old->removed = true;
      leave.push_back(old);
      continue;
    }
    const auto now = it->second;
    if (old->unproven()) {  // is registered now: who is connected under that id has proven nothing
      old->removed = true;
      leave.push_back(old);
      continue;
    }
    if (old->enabled && !now->enabled) leave.push_back(old);
    if (!now->token && now->token_hash == old->token_hash) now->token = old->token;
    old->access = now->access;
    old->limits = now->limits;
    old->ref.product = now->ref.product;
    old->from_config = now->from_config;
    old->enabled = now->enabled;
    old->admitted = now->admitted;
    old->token_hash = now->token_hash;
    old->token = now->token;
    old->identity = now->identity;
    it->second = old;
  }
  devices_ = std::move(fresh);
  anonymous_count_ = 0;
  for (auto& [id, device] : devices_) {
    if (device->anonymous) ++anonymous_count_;
    if (device->ref.name == 0) device->ref.name = store_.name_id(id);
    find_identity(*device, options);
  }
  options_ = options;
  return leave;
}

std::string Directory::admitted_product(std::string_view id) const {
  if (!valid_device_id(id)) return {};
  const auto rule = std::find_if(options_.admit.begin(), options_.admit.end(),
                                 [id](const auto& admit) { return glob_matches(admit.match, id); });
  return rule == options_.admit.end() ? std::string() : rule->product;
}

result<std::shared_ptr<Device>> Directory::anonymous(std::string_view id) {
  if (options_.anonymous_product.empty())
    return Error{errc::denied, "the config names no product for anonymous clients"};
  if (auto known = find(id)) {
    if (known->anonymous) return known;
    return Error{errc::denied, "this device must prove who it is"};
  }
  if (!valid_device_id(id)) {
    return Error{errc::invalid_argument, "an anonymous client's id must have 1 to 128 of A-Z a-z 0-9 : _ -"};
  }
  if (anonymous_count_ >= kMaxAnonymousDevices) {
    return Error{errc::full, fmt::format("there are {} anonymous devices already", kMaxAnonymousDevices)};
  }
  auto device = make(options_, std::string(id), options_.anonymous_product);
  if (!device) return device.error();
  (*device)->anonymous = true;
  (*device)->ref.name = store_.name_id(id);
  devices_.emplace(std::string(id), *device);
  ++anonymous_count_;
  return *device;
}

bool Directory::look_for_identities() {
  bool changed = false;
  for (auto& [id, device] : devices_) {
    const auto before = device->ref.lane;
    const auto given = std::find_if(options_.devices.begin(), options_.devices.end(),
                                    [&name = id](const auto& d) { return d.id == name; });
    if (given != options_.devices.end()) device->identity = given->certificate;
    find_identity(*device, options_);
    changed = changed || device->ref.lane != before;
  }
  return changed;
}

std::vector<OwnIdentity> Directory::own_identities() const {
  std::vector<OwnIdentity> own;
  for (const auto& [id, device] : devices_) {
    if (!device->identity.certificate.empty()) own.push_back({device->ref.lane, id, device->identity});
  }
  return own;
}

void Directory::for_each(const std::function<void(const Device&)>& fn) const {
  for (const auto& [id, device] : devices_) fn(*device);
}

}  // namespace sluice::device
