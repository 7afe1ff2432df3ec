// The one place where Asio's own sources are compiled; those that need OpenSSL are in asio_ssl.cpp, so that a
// program without TLS does not load it.
#include <boost/asio/impl/src.hpp>
