// The one list of what can go wrong, and the result type that carries it.
// Expected failure is a value: every room returns result<T>; exceptions end at the file that talks to a
// throwing library.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <string>

namespace sluice {

enum class errc {
  invalid_argument = 1,  // the caller's input breaks a documented limit
  not_found,             // no such device, lane, record, file
  exists,                // it is there already
  denied,                // known, but not allowed
  unauthorized,          // identity not proven
  full,                  // a declared bound is reached
  io,                    // the operating system refused a read or write
  sync_failed,           // fsync failed: what is on disk is unknown, the handle is dead
  disk_full,             // no space left on the device
  corrupt,               // stored data contradicts itself
  newer_schema,          // the file was written by a newer Sluice
  timeout,               // a deadline passed
  closed,                // the part is stopping or the peer has gone
  unreachable,           // no network path, DNS or TCP failure
  tls,                   // certificate, key or handshake trouble
  refused,               // the other side answered no
  throttled,             // the other side asks for less
  protocol,              // the peer broke its protocol
  unsupported,           // not in this build or not by this peer
};

const boost::system::error_category& sluice_category() noexcept;

inline boost::system::error_code make_error_code(errc e) noexcept {
  return {static_cast<int>(e), sluice_category()};
}

// An error with the words a person needs: what is wrong, where, what to do.
struct Error {
  errc code{};
  std::string text;
};

[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

template <typename T = void>
using result = boost::system::result<T, Error>;

}  // namespace sluice

template <>
struct boost::system::is_error_code_enum<sluice::errc> : std::true_type {};
