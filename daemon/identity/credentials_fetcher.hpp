// Fetches temporary credentials from AWS IoT's credentials provider on threads of its own, because the HTTPS
// client blocks. Used by the credentials room.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "aws/http.hpp"
#include "identity/credentials_source.hpp"

namespace sluice::identity {

using MakeHttp = std::function<std::unique_ptr<aws::Http>(aws::HttpOptions)>;

// `make_http` is called on the threads. Its destructor ends what runs (within about a second) and joins.
std::unique_ptr<CredentialsFetcher> make_credentials_fetcher(boost::asio::io_context& loop,
                                                             MakeHttp make_http = aws::make_http);

}  // namespace sluice::identity
