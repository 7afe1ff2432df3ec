// The server's side of TLS as AWS IoT does it: TLS 1.2 and 1.3, client certificates of our authority that are
// registered and active, no session tickets, ALPN x-amzn-mqtt-ca.
#pragma once

#include <filesystem>
#include <memory>

#include "core/error.hpp"
#include "core/log.hpp"

namespace boost::asio::ssl {
class context;
}

namespace sluice::cloud {

class Things;

// things must outlive the context: it is asked in every handshake.
result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(const std::filesystem::path& directory,
                                                                    Things& things, const Log& log);

}  // namespace sluice::cloud
