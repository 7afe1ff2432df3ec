// Words for what goes wrong between us and the endpoint in TLS, found where it happens. Used by TlsClient.
#pragma once

#include <cstdint>
#include <string>

#include "uplink/cloud_link.hpp"

using SSL = struct ssl_st;
using ASN1_TIME = struct asn1_string_st;

namespace sluice::uplink {

std::string endpoint_text(const LinkOptions& options);  // host:port
ConnectFailure tls_failure(ConnectFailure::Kind kind, std::string text);
std::string utc_text(std::int64_t seconds);
// Since 1970; 0: not a time.
std::int64_t seconds_of(const ASN1_TIME* time);
// The newest of OpenSSL's errors on this thread; the queue is empty afterwards.
std::string take_tls_error();

// Of a handshake that has just failed on this thread.
ConnectFailure handshake_failure(const LinkOptions& options, SSL* ssl);
// Of a read that has just failed on this thread, before the server has said anything: with TLS 1.3 it judges
// our certificate after our side is done.
ConnectFailure first_read_failure(const LinkOptions& options);

}  // namespace sluice::uplink
