// Does this device have this token? The one place where the functions compare tokens. Hashes are scrypt in
// the form that the gateway's own registry uses; ln=12 (4 MiB, about 10 ms), because a table may leak, tokens
// may be weak, and a small function must still afford it.
#pragma once

#include "aws/cvm.hpp"
#include "cloud/lambda/device_table.hpp"
#include "core/log.hpp"

namespace sluice::lambda {

inline constexpr unsigned kTokenHashCost = 12;  // scrypt's ln of a new row's accessToken

// For importers. Empty when OpenSSL has no random bytes or memory.
std::string hash_access_token(std::string_view token);

// [a-zA-Z0-9:_-]{1,128}: what may be a thing's name.
bool valid_productid(std::string_view productid);

using Checked = boost::system::result<DeviceRecord, aws::cvm::Refusal>;

// The device's record. Refusals: 401 for an unknown productid, a wrong token and a blocked device alike
// (after the same work), 429 or 503 when the table does not answer. Why is
// logged here.
Checked check_token(DeviceTable& table, std::string_view productid, std::string_view token, const Log& log);

// What a caller is told when AWS does not do its part: 429 or 503 with Retry-After. `text` of the error is
// for the log, not for the caller.
aws::cvm::Refusal refusal_of(const aws::Error& error);

}  // namespace sluice::lambda
