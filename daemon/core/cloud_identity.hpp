// Who a connection to AWS IoT is, and where it goes: what identity hands to uplink. App connects them.
#pragma once

#include <string>

#include "core/options.hpp"

namespace sluice {

// A certificate and its key: PEM text in memory (a sealed key never becomes a file), or the files where they
// are read afresh at each connect. Text wins where both are given. The roots likewise; neither: those of
// cloud.tls.ca.
struct TlsIdentity {
  std::string certificate_pem, key_pem, ca_pem;
  TlsFiles files;
  bool empty() const { return certificate_pem.empty() && files.certificate.empty(); }
  bool operator==(const TlsIdentity&) const = default;
};

struct CloudIdentity {
  std::string thing;     // thing name and client id
  std::string endpoint;  // host[:port]; empty: cloud.endpoint
  TlsIdentity tls;
  bool operator==(const CloudIdentity&) const = default;
};

}  // namespace sluice
