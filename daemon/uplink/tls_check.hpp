// Words for what goes wrong between us and the endpoint. Paho says "TCP/TLS connect failure" for everything;
// here the way is walked again, step by step, to say which step failed and what to do. Blocks: for the link's
// workers only.
#pragma once

#include <cstdint>
#include <optional>

#include "uplink/cloud_link.hpp"

namespace sluice::uplink {

// Our files: present, readable, parsable, in their time, key and certificate of one pair. `expires` gets the
// certificate's notAfter (seconds since 1970).
std::optional<ConnectFailure> own_files_problem(const LinkOptions& options, std::int64_t now_s,
                                                std::int64_t& expires);

// Does the endpoint's name resolve?
std::optional<ConnectFailure> name_problem(const LinkOptions& options);

// Name, TCP, TLS with verification of chain and host name, each with what is left of `timeout`. Nothing: all
// of this works, so the server closed the connection for another reason.
std::optional<ConnectFailure> way_problem(const LinkOptions& options, Clock& clock, Duration timeout);

}  // namespace sluice::uplink
