// The table of devices that may become somebody in AWS: who they are, the hash of their token, and how far
// their redemption got. Kinds: DynamoDB (device_table_dynamodb.hpp), a folder on a laptop
// (cloud/local/devices.hpp). One contract suite holds all of them (tests/contract/device_table). Calls block;
// any thread may call.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/error.hpp"

namespace sluice::lambda {

// applyState, as in the table. Every other value blocks the device.
inline constexpr std::int64_t kNew = 0, kInProgress = 1, kRegistered = -1;

// The comments are the names of the columns. An absent column is an empty value.
struct DeviceRecord {
  std::string productid;        // productid, the key; also the thing's name
  std::string token_hash;       // accessToken: `$scrypt$ln=12,r=8,p=1$salt$hash`, see token_check.hpp
  std::string product, region;  // product: model, thing type. region: where it may register; empty: anywhere
  std::int64_t timestamp = 0;   // timestamp: Unix seconds of the last redemption's last step
  std::int64_t apply_state = kNew;  // applyState
  std::string cert_id;              // certID: the certificate that is registered
  // What a crashed redemption leaves for the next one.
  std::string attempt;           // attempt: names the redemption that wrote last; random
  std::int64_t claim_until = 0;  // claimUntil: Unix seconds; until then the attempt has the record for itself
  std::string key_hash;          // keyHash: SHA-256 of the public key of pending_cert, or of cert_id
  std::string pending_cert;      // pendingCert: made by the attempt, not registered yet
  std::vector<std::string> retiring;  // retiring: certificates to be taken out of use when the device asks
                                      // for it, or before the next one is activated

  bool operator==(const DeviceRecord&) const = default;
};

class DeviceTable {
 public:
  virtual ~DeviceTable() = default;

  // Strongly consistent: sees every write that was answered before.
  virtual aws::result<std::optional<DeviceRecord>> find(std::string_view productid) = 0;

  // One conditional update. Writes the redemption's columns of `next` (from timestamp down, and region) if
  // accessToken, applyState, attempt, certID and pendingCert are still those of `seen`. False: they are not,
  // and nothing was written. An error leaves open whether it was written.
  virtual aws::result<bool> replace(const DeviceRecord& seen, const DeviceRecord& next) = 0;

  // Adds a device, or replaces all of it: for importers.
  virtual aws::result<void> put(const DeviceRecord& record) = 0;
};

}  // namespace sluice::lambda
