// What the registry remembers of an identity: space 18, one row each, JSON. The key is the device's id; the
// gateway's own is ".", which is no device's. Private keys, tokens and ownership tokens are in it sealed
// only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "identity/table.hpp"
#include "store/registry.hpp"

namespace sluice::identity {

inline constexpr store::Space kIdentitySpace = 18;
inline constexpr std::string_view kGatewayRow = ".";
// A text sealed when the first key was: tells a wrong sealing key from damage. No device id has a `!`.
inline constexpr std::string_view kSealRow = "!seal";

// One certificate and what goes with it, as far as it has come.
struct Papers {
  std::string sealed_key;        // purpose "key"
  std::string csr;               // PEM
  std::string certificate;       // PEM, a chain if the vendor says so
  std::string certificate_id;    // 64 hex digits
  std::string sealed_ownership;  // fleet; purpose "ownership"
  bool enlisted = false;         // fleet: registering was begun, perhaps done
  std::string endpoint, credentials_endpoint, role_alias, root_ca;
  std::int64_t not_after = 0;  // seconds since 1970
  std::int64_t since = 0;      // when AWS took it, seconds since 1970; 0: the clock was not plausible
  bool operator==(const Papers&) const = default;
};

struct Record {
  State state = State::fresh;
  std::string product;       // empty: the gateway
  std::string sealed_token;  // purpose "token"; empty: none is needed, or it was destroyed
  Papers present, next;      // next: what is being obtained
  std::string former;        // while retiring: the certificate id that the present one has replaced
  std::string why;           // refused, revoked, or a rotation that was given up: in words
  bool judged = false;       // the service has taken its token once
  bool forget = false;       // once it is gone, its name goes too
  std::int64_t changed = 0;  // seconds since 1970 of the last change of state
  bool operator==(const Record&) const = default;
};

std::string to_row(const Record& record);
// Errors: corrupt, newer_schema (a state or version that this build does not know).
result<Record> from_row(std::string_view key, std::string_view row);

}  // namespace sluice::identity
