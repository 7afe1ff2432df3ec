// What we show to the server and whom we trust, from text or from files, put into an OpenSSL context; what is
// wrong with them in words. Used by TlsClient, on a worker (it reads files), and by the watch over expiry.
#pragma once

#include <cstdint>
#include <optional>

#include "uplink/cloud_link.hpp"

using SSL_CTX = struct ssl_ctx_st;

namespace sluice::uplink {

// Roots, certificate with its chain, key: present, readable, in their time, of one pair. `expires` gets the
// certificate's notAfter (seconds since 1970); 0: there is no certificate, the server will say what it wants.
std::optional<ConnectFailure> use_identity(SSL_CTX* context, const TlsIdentity& identity, std::int64_t now_s,
                                           std::int64_t& expires);

}  // namespace sluice::uplink
