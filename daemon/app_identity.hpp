// Options of the identity room's parts, made of the daemon's. Used by app.
#pragma once

#include "core/options.hpp"
#include "identity/credentials_room.hpp"

namespace sluice {

inline identity::CredentialsOptions credentials_options(const Options& options) {
  return {.listen = options.credentials.listen,
          .role_alias = options.credentials.role_alias,
          .endpoint = options.credentials.endpoint};
}

}  // namespace sluice
