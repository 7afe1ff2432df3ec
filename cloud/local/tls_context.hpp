// The server's side of TLS as AWS IoT does it: TLS 1.2 and 1.3, no session tickets. Which client certificates
// come in is the registry's word, not that of a chain: AWS knows each certificate.
#pragma once

#include <filesystem>
#include <memory>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/log.hpp"

namespace boost::asio::ssl {
class context;
}

namespace sluice::cloud {

class Registry;

enum class TlsUse : std::uint8_t {
  mqtt,          // client certificates that are active, wait for activation, or may register themselves; ALPN
  mutual_https,  // client certificates that are active
  https,         // no client certificate is asked for
};

// directory: server.pem, server.key, ca.pem. registry and clock must outlive the context: they are asked in
// every handshake.
result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(const std::filesystem::path& directory,
                                                                    TlsUse use, Registry& registry,
                                                                    Clock& clock, const Log& log);

}  // namespace sluice::cloud
