// Turns a token into a certificate: once, whatever crashes and whoever asks at the same time; and takes a
// device's certificates out of use. Used by POST /certificates, POST /certificates/retire and GET /getcert.
// The order of the steps is the safety; it is drawn in redemption.cpp.
#pragma once

#include <string>
#include <vector>

#include "aws/cvm.hpp"
#include "aws/iot_control.hpp"
#include "cloud/lambda/cvm/settings.hpp"
#include "cloud/lambda/device_table.hpp"
#include "cloud/lambda/function.hpp"
#include "core/log.hpp"

namespace sluice::lambda::cvm {

struct Wanted {
  std::string productid, access_token;
  std::string csr, key_hash;  // both empty: AWS makes the keys
  Reissue reissue = Reissue::refuse;
};

struct Issued {
  aws::Certificate certificate;
  std::string public_key, private_key;  // only if AWS made them
  DeviceRecord device;
};

using Redeemed = boost::system::result<Issued, aws::cvm::Refusal>;
using RetiredIds = boost::system::result<std::vector<std::string>, aws::cvm::Refusal>;

class Redemption {
 public:
  Redemption(aws::IotControl& iot, DeviceTable& table, const Settings& settings, Now now, Log log);
  // Any thread.
  Redeemed redeem(const Wanted& wanted);
  // redemption_retire.cpp. The certificates that are out of use now, and were listed until now. Any thread.
  RetiredIds retire(const aws::cvm::RetireRequest& request);

 private:
  static aws::cvm::Refusal in_progress(std::int64_t wait_s);
  static std::string attempt_name();  // empty: OpenSSL has no random bytes
  Redeemed decide(const Wanted& wanted, const DeviceRecord& seen);
  Redeemed claim(const Wanted& wanted, const DeviceRecord& seen);
  aws::result<std::string> status_of(const std::string& certificate_id);
  Redeemed hand_out_again(const Wanted& wanted, const DeviceRecord& seen);
  // overlap: the certificate registered so far stays in use until the new one has proven itself.
  Redeemed run(const Wanted& wanted, DeviceRecord& held, bool overlap);
  Redeemed certificate_of(const Wanted& wanted, DeviceRecord& held);
  Redeemed finish(Issued issued, DeviceRecord& held);
  bool overdue(const DeviceRecord& held) const {
    return now_().time_since_epoch().count() >= held.claim_until;
  }
  aws::cvm::Refusal failed(std::string_view step, const DeviceRecord& held, const aws::Error& error) const;

  aws::IotControl& iot_;
  DeviceTable& table_;
  const Settings& settings_;
  Now now_;
  Log log_;
};

}  // namespace sluice::lambda::cvm
