// The devices that we know: those of the config file and those added at run time (registry space 16, key: id,
// value: JSON), with their product's rights. Used by the authenticator, the session host and the room. Loop
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/log.hpp"
#include "core/options.hpp"
#include "device/access.hpp"
#include "device/device.hpp"
#include "device/token_seal.hpp"
#include "store/registry.hpp"

namespace sluice::device {

inline constexpr store::Space kDeviceSpace = 16;
inline constexpr std::size_t kMaxDevices = 100'000;
inline constexpr std::size_t kMaxAnonymousDevices = 20'000;

enum class AuthMethod : std::uint8_t { none, token, certificate, anonymous, adapter };
std::string_view to_string(AuthMethod method);

struct Device {
  DeviceRef ref;
  std::shared_ptr<const Access> access;
  ClientLimits limits;
  bool from_config = false, anonymous = false, enabled = true;
  bool vouched = false;                  // by an adapter; has no token of its own
  std::string holder;                    // the adapter that speaks for it now; empty: none
  bool admitted = false;                 // let in by devices.admit; leaves when its token is refused
  bool provisioned = false;              // goes to AWS with an identity that the identity room gets for it
  bool removed = false;                  // no longer in the directory; its connections are being closed
  std::string token_hash;                // empty: no hash
  std::optional<TokenSeal::Mark> token;  // a token known to be right: from the token file, or proven before
  TlsFiles identity;                     // its own certificate towards AWS; certificate empty: none
  // It has no token of its own; who registers it, or proves itself, takes its place.
  bool unproven() const { return anonymous || vouched; }
  // Since start:
  AuthMethod method = AuthMethod::none;
  WallTime last_seen{};
  std::uint64_t readings = 0, refused = 0, connects = 0;
  unsigned connections = 0;
};

class Directory {
 public:
  Directory(store::Store& store, store::Registry& registry, Log log);

  // The config's devices and the registry's. Again on reload: then all or nothing; devices that stay keep
  // their object. Returns those that must be disconnected because they are gone or disabled.
  result<std::vector<std::shared_ptr<Device>>> load(const Options& options);

  // Null: unknown.
  std::shared_ptr<Device> find(std::string_view id) const;
  // A known anonymous device or a new one; never a registered device. Errors: denied, full, invalid_argument.
  result<std::shared_ptr<Device>> anonymous(std::string_view id);

  // A device that an adapter vouches for: one of before, or a new one; never one that can prove itself.
  // Errors: denied, full, invalid_argument.
  result<std::shared_ptr<Device>> vouched(std::string_view id, const std::string& product);

  // The product of an unknown device by devices.admit; empty: none takes it.
  std::string admitted_product(std::string_view id) const;
  // The hash may be empty: the device then needs a client certificate. `admitted`: by devices.admit, not by
  // hand.
  void add(std::string id, std::string product, std::string token_hash, bool admitted, Done done);
  void set_token(std::string id, std::string token_hash, Done done);
  void set_enabled(std::string id, bool enabled, Done done);
  void remove(std::string id, Done done);

  // Looks for certificates again. True: something has changed.
  bool look_for_identities();
  std::vector<OwnIdentity> own_identities() const;
  void for_each(const std::function<void(const Device&)>& fn) const;
  std::size_t size() const { return devices_.size(); }
  const TokenSeal& seal() const { return seal_; }

 private:
  struct Row {  // as in the registry
    std::string product, token_hash;
    bool enabled = true, admitted = false;
  };
  using Devices = std::map<std::string, std::shared_ptr<Device>, std::less<>>;

  result<std::shared_ptr<Device>> make(const Options& options, const std::string& id,
                                       const std::string& product) const;
  result<void> equip(Device& device, const DeviceOptions& options) const;
  void find_identity(Device& device, const Options& options) const;
  result<std::map<std::string, Row>> stored_rows();
  void write(const std::string& id, const Row& row, std::function<void()> then, Done done);
  Row row_of(const Device& device) const;

  store::Store& store_;
  store::Registry& registry_;
  Log log_;
  TokenSeal seal_;
  Options options_;
  Devices devices_;
  std::size_t anonymous_count_ = 0;
  std::map<std::string, Row> rows_;  // what the registry has
  bool scanned_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::device
