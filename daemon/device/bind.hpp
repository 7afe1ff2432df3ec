// Making a listening socket, with errors that a person can act on. Used by the listener.
#pragma once

#include <cstdint>

#include "core/error.hpp"
#include "core/options.hpp"

namespace sluice::device {

// Bound and listening, non-blocking, close-on-exec. Address: an IP literal (IPv6 with or without brackets),
// `localhost`, or empty or `*` for all addresses of both families.
result<int> bind_inet(const ListenerOptions& options, const std::string& name);
// Mode 0660. A socket file that nobody serves any more is replaced; anything else at the path is left alone.
result<int> bind_unix(const ListenerOptions& options, const std::string& name);
// The port that the kernel chose.
std::uint16_t bound_port(int fd);

}  // namespace sluice::device
