// What a UART hears when the other end sends at another rate: bits sampled at the wrong times. A pty carries
// bytes whatever its rate is set to; the simulated sensor puts the wire between.
#pragma once

#include <string>
#include <string_view>

namespace sluice::simulators {

// The bytes that a receiver at rate `hears` makes of `bytes` that were sent at rate `sends`, 8N1. Characters
// with a broken stop bit are passed on, as a UART does whose driver is not told otherwise.
std::string heard(std::string_view bytes, unsigned sends, unsigned hears);

// The rate that the program at the other end of this pty has set.
unsigned rate_of(int fd);

}  // namespace sluice::simulators
