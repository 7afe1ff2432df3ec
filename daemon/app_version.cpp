// The versions that matter when something is wrong: ours, and of the libraries that hold the data and the
// secrets.
#include <fmt/format.h>
#include <openssl/crypto.h>

#include <boost/version.hpp>

#include "app.hpp"

namespace sluice {

std::string version_text() {
  return fmt::format("sluiced {} ({}, {}, Boost {}.{})", SLUICE_VERSION, store::engine_version(),
                     OpenSSL_version(OPENSSL_VERSION), BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000);
}

}  // namespace sluice
