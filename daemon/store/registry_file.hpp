// The file behind Registry. Each entry carries a checksum, so that what a damaged file gives back can be
// trusted. Called on the registry's store thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/failpoint.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"

namespace sluice::store {

class RegistryFile {
 public:
  RegistryFile(std::filesystem::path file, std::string vfs);
  result<void> open();
  result<void> put(Space space, std::string_view key, std::string_view value);
  result<void> erase(Space space, std::string_view key);
  result<void> scan(Space space, const std::function<void(std::string_view, std::string_view)>& fn);
  void close();

 private:
  result<void> failed(const SqlFailure& failure);

  std::filesystem::path file_;
  std::string vfs_;
  FailPoints failpoints_;
  Database db_;
  Statement put_, erase_, scan_;
  std::optional<Error> dead_;
};

}  // namespace sluice::store
