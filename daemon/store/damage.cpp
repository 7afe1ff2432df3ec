#include "store/damage.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <ctime>

#include "store/sqlite.hpp"

namespace sluice::store {
namespace fs = std::filesystem;
namespace {

fs::path beside(const fs::path& file, std::string_view suffix) { return file.string() + std::string(suffix); }

void sync_directory(const fs::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

void suspect(const fs::path& file) {
  const int fd = ::open(beside(file, ".suspect").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
}

void finish_salvage(const fs::path& file) {
  std::error_code ec;
  const auto saved = beside(file, ".salvage");
  if (!fs::exists(saved, ec)) return;
  if (fs::exists(file, ec)) {
    // The old file is still in place, so the new one was not complete: begin again.
    for (const auto* suffix : {".salvage", ".salvage-wal", ".salvage-journal"})
      fs::remove(beside(file, suffix), ec);
    suspect(file);
    return;
  }
  fs::remove(beside(file, "-wal"), ec);  // belongs to the one set aside
  fs::rename(saved, file, ec);
  fs::remove(beside(file, ".suspect"), ec);
  sync_directory(file.parent_path());
}

result<void> examine(const fs::path& file, const std::string& vfs) {
  constexpr std::uintmax_t kAlways = 16U << 20, kAfterAKill = 64U << 20;
  std::error_code ec;
  if (!fs::exists(file, ec)) return {};
  const auto size = fs::file_size(file, ec);
  const auto wal = fs::file_size(beside(file, "-wal"), ec);
  const bool killed = !ec && wal > 0;
  const bool marked = fs::exists(beside(file, ".suspect"), ec);
  if (!marked && size > (killed ? kAfterAKill : kAlways)) return {};
  if (size == 0 && !killed) return {};
  try {
    Database db(file, SQLITE_OPEN_READWRITE, vfs.empty() ? nullptr : vfs.c_str());
    int ignored = 0;
    sqlite3_db_config(db.raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
                      &ignored);  // a damaged file stays as it is
    db.exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA cell_size_check=ON; PRAGMA cache_size=-2048");
    const auto verdict = db.text("PRAGMA quick_check(1)");
    if (verdict != "ok")
      return Error{errc::corrupt, fmt::format("{} is damaged: {}", file.string(), verdict)};
  } catch (const SqlFailure& failure) {
    return to_error(failure, file);
  }
  fs::remove(beside(file, ".suspect"), ec);
  return {};
}

result<fs::path> set_aside_file(const fs::path& file, const Clock& clock) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch());
  const auto stem =
      fmt::format("{}.corrupt-{:%Y%m%dT%H%M%SZ}", file.string(), fmt::gmtime(std::time_t{seconds.count()}));
  fs::path aside = stem;
  std::error_code ec;
  for (int n = 2; fs::exists(aside, ec); ++n) aside = fmt::format("{}-{}", stem, n);
  // In this order: a kill between the steps leaves what finish_salvage() can end.
  if (fs::exists(beside(file, "-wal"), ec)) fs::copy_file(beside(file, "-wal"), beside(aside, "-wal"), ec);
  fs::rename(file, aside, ec);
  if (ec)
    return Error{errc::io,
                 fmt::format("{} is damaged and cannot be renamed: {}", file.string(), ec.message())};
  fs::remove(beside(file, "-wal"), ec);
  finish_salvage(file);
  return aside;
}

}  // namespace sluice::store
