// What a refused CONNECT means, and what to do about it. Used by the links.
#pragma once

#include <cstdint>

#include "uplink/cloud_link.hpp"

namespace sluice::uplink {

// The code as it was received; 3.1.1's 1..5 (and AWS's 7) are mapped to MQTT 5's.
ConnectFailure connack_failure(const LinkOptions& options, int code);
// Everything up to TLS is well, but the server closed after CONNECT.
ConnectFailure closed_after_connect(const LinkOptions& options);
// The server closed in the handshake when it was its turn to judge our certificate.
ConnectFailure closed_in_handshake(const LinkOptions& options);

}  // namespace sluice::uplink
