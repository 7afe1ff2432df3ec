#include "store/registry_file.hpp"

#include <sys/stat.h>

#include "store/crc32c.hpp"
#include "store/damage.hpp"
#include "store/migrations.hpp"

namespace sluice::store {

RegistryFile::RegistryFile(std::filesystem::path file, std::string vfs)
    : file_(std::move(file)), vfs_(std::move(vfs)), failpoints_(FailPoints::from_environment()) {}

result<void> RegistryFile::failed(const SqlFailure& failure) {
  auto error = to_error(failure, file_);
  if (!is_full(failure)) dead_ = error;  // after a failed sync or damage the handle is not used again
  if (is_corrupt(failure)) suspect(file_);
  return error;
}

result<void> RegistryFile::open() {
  try {
    db_ = Database(file_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs_.empty() ? nullptr : vfs_.c_str());
    ::chmod(file_.c_str(), 0600);
    db_.exec(
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA "
        "journal_mode=WAL; PRAGMA "
        "synchronous=FULL;"
        "PRAGMA journal_size_limit=1048576; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-256;"
        "PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF");
    if (auto migrated = migrate(db_, registry_migrations(), file_, failpoints_); !migrated) return migrated;
    put_ = Statement(db_, "REPLACE INTO entry(space,key,value,crc) VALUES(?,?,?,?)");
    erase_ = Statement(db_, "DELETE FROM entry WHERE space=? AND key=?");
    scan_ = Statement(db_, "SELECT key,value,crc FROM entry WHERE space=? ORDER BY key");
    return {};
  } catch (const SqlFailure& failure) {
    return to_error(failure, file_);
  }
}

result<void> RegistryFile::put(Space space, std::string_view key, std::string_view value) {
  if (dead_) return *dead_;
  try {
    put_.with(space, key, value, row_crc(space, key, value)).run();
    return {};
  } catch (const SqlFailure& failure) {
    return failed(failure);
  }
}

result<void> RegistryFile::erase(Space space, std::string_view key) {
  if (dead_) return *dead_;
  try {
    erase_.with(space, key).run();
    return {};
  } catch (const SqlFailure& failure) {
    return failed(failure);
  }
}

result<void> RegistryFile::scan(Space space,
                                const std::function<void(std::string_view, std::string_view)>& fn) {
  if (dead_) return *dead_;
  try {
    Query row(scan_.with(space));
    while (row.step()) {
      if (static_cast<std::uint32_t>(row.number(2)) == row_crc(space, row.bytes(0), row.bytes(1)))
        fn(row.bytes(0), row.bytes(1));
    }
    return {};
  } catch (const SqlFailure& failure) {
    return failed(failure);
  }
}

void RegistryFile::close() {
  put_ = Statement();
  erase_ = Statement();
  scan_ = Statement();
  db_.close();
  dead_ = Error{errc::closed, "the registry is closed"};
}

}  // namespace sluice::store
