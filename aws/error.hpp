// What can go wrong between us and an AWS service, and the result type that carries it. Used by everything
// that calls AWS over HTTPS: the functions, the daemon's identity room, tests.
#pragma once

#include <boost/system/result.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::aws {

struct Error {
  enum class Kind : std::uint8_t {
    network,      // no DNS, no TCP, cut in the middle
    timeout,      // a deadline passed
    tls,          // the server's certificate, ours, or the handshake
    throttled,    // 429, or 400 with ThrottlingException and its like: ask again later
    unavailable,  // 5xx, or 4xx that AWS documents as passing
    denied,       // 401, 403: who we are, or what we may
    not_found,    // 404, ResourceNotFoundException
    conflict,     // 409: exists already, version or condition does not hold
    invalid,      // other 4xx: the request itself is wrong; asking again changes nothing
    protocol,     // the answer is not what the service documents
  };
  Kind kind = Kind::network;
  unsigned status = 0;                              // HTTP; 0: no answer came
  std::string code;                                 // AWS's word for it: "ThrottlingException"; may be empty
  std::string text;                                 // for a person: which call, where, why
  std::optional<std::chrono::seconds> retry_after;  // what the service asked for
  bool passing() const {
    return kind == Kind::network || kind == Kind::timeout || kind == Kind::throttled ||
           kind == Kind::unavailable;
  }
};

// "throttled": for logs and console answers.
std::string_view name(Error::Kind kind);

// What was given is wrong, found before any service was asked.
inline Error invalid_argument(std::string text) { return {Error::Kind::invalid, 0, {}, std::move(text), {}}; }

[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

template <typename T = void>
using result = boost::system::result<T, Error>;

}  // namespace sluice::aws
