#include "core/error.hpp"

#include <stdexcept>

namespace sluice {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "sluice"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::invalid_argument:
        return "invalid argument";
      case errc::not_found:
        return "not found";
      case errc::exists:
        return "exists already";
      case errc::denied:
        return "not allowed";
      case errc::unauthorized:
        return "not authorized";
      case errc::full:
        return "a declared bound is reached";
      case errc::io:
        return "input/output error";
      case errc::sync_failed:
        return "fsync failed";
      case errc::disk_full:
        return "disk full";
      case errc::corrupt:
        return "stored data is damaged";
      case errc::newer_schema:
        return "written by a newer version";
      case errc::timeout:
        return "timed out";
      case errc::closed:
        return "closed";
      case errc::unreachable:
        return "unreachable";
      case errc::tls:
        return "TLS failure";
      case errc::refused:
        return "refused by the peer";
      case errc::throttled:
        return "throttled by the peer";
      case errc::protocol:
        return "protocol violation";
      case errc::unsupported:
        return "not supported";
    }
    return "error " + std::to_string(value);
  }
};

}  // namespace

const boost::system::error_category& sluice_category() noexcept {
  static const Category category;
  return category;
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::runtime_error(error.text);
}

}  // namespace sluice
