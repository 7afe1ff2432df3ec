#include "aws/error.hpp"

#include <boost/throw_exception.hpp>
#include <stdexcept>

namespace sluice::aws {

std::string_view name(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::network:
      return "network";
    case Error::Kind::timeout:
      return "timeout";
    case Error::Kind::tls:
      return "tls";
    case Error::Kind::throttled:
      return "throttled";
    case Error::Kind::unavailable:
      return "unavailable";
    case Error::Kind::denied:
      return "denied";
    case Error::Kind::not_found:
      return "not_found";
    case Error::Kind::conflict:
      return "conflict";
    case Error::Kind::invalid:
      return "invalid";
    case Error::Kind::protocol:
      return "protocol";
  }
  return "unknown";
}

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
  boost::throw_with_location(std::runtime_error(error.text), where);
}

}  // namespace sluice::aws
