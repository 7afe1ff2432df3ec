// The part of Asio that needs OpenSSL.
#include <boost/asio/ssl/impl/src.hpp>
