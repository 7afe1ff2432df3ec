// A tar archive in memory, squeezed with zstd and written as a file of mode 0600. Used by support-bundle.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace sluice::ctl {

class BundleFile {
 public:
  // All entries get this time, seconds since 1970.
  explicit BundleFile(std::int64_t time) : time_(time) {}

  // The name: at most 99 bytes.
  void add(std::string_view name, std::string_view text);
  const std::string& tar() const { return tar_; }
  // Never over a file that is there. Errors: exists, io.
  result<void> write(const std::filesystem::path& file) const;

 private:
  std::int64_t time_;
  std::string tar_;
};

}  // namespace sluice::ctl
