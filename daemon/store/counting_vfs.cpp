#include "store/counting_vfs.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

namespace sluice::store {

struct CountingVfs::Shim {
  sqlite3_vfs vfs{};
  sqlite3_vfs* base = nullptr;
  std::string name;
  std::atomic<std::uint64_t>*written = nullptr, *syncs = nullptr;
};

namespace {

// SQLite allocates this, the base's file follows it in memory.
struct File {
  sqlite3_file head;
  CountingVfs::Shim* shim;
  sqlite3_file* base() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File* of(sqlite3_file* f) { return reinterpret_cast<File*>(f); }
sqlite3_file* base(sqlite3_file* f) { return of(f)->base(); }

int close(sqlite3_file* f) {
  return base(f)->pMethods != nullptr ? base(f)->pMethods->xClose(base(f)) : SQLITE_OK;
}
int read(sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
  return base(f)->pMethods->xRead(base(f), to, n, at);
}
int write(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  of(f)->shim->written->fetch_add(static_cast<std::uint64_t>(n), std::memory_order_relaxed);
  return base(f)->pMethods->xWrite(base(f), from, n, at);
}
int truncate(sqlite3_file* f, sqlite3_int64 n) { return base(f)->pMethods->xTruncate(base(f), n); }
int sync(sqlite3_file* f, int flags) {
  of(f)->shim->syncs->fetch_add(1, std::memory_order_relaxed);
  return base(f)->pMethods->xSync(base(f), flags);
}
int size(sqlite3_file* f, sqlite3_int64* n) { return base(f)->pMethods->xFileSize(base(f), n); }
int lock(sqlite3_file* f, int level) { return base(f)->pMethods->xLock(base(f), level); }
int unlock(sqlite3_file* f, int level) { return base(f)->pMethods->xUnlock(base(f), level); }
int check_lock(sqlite3_file* f, int* held) { return base(f)->pMethods->xCheckReservedLock(base(f), held); }
int control(sqlite3_file* f, int op, void* arg) { return base(f)->pMethods->xFileControl(base(f), op, arg); }
int sector(sqlite3_file* f) { return base(f)->pMethods->xSectorSize(base(f)); }
int traits(sqlite3_file* f) { return base(f)->pMethods->xDeviceCharacteristics(base(f)); }

// Version 1: without shared memory, because queue.db is opened with locking_mode=EXCLUSIVE before WAL is
// entered.
const sqlite3_io_methods kMethods = {1,       close,   read,       write,   truncate, sync,   size,
                                     lock,    unlock,  check_lock, control, sector,   traits, nullptr,
                                     nullptr, nullptr, nullptr,    nullptr, nullptr};

CountingVfs::Shim* shim_of(sqlite3_vfs* v) { return static_cast<CountingVfs::Shim*>(v->pAppData); }

int open(sqlite3_vfs* v, const char* path, sqlite3_file* f, int flags, int* out) {
  auto* shim = shim_of(v);
  of(f)->shim = shim;
  base(f)->pMethods = nullptr;
  const int rc = shim->base->xOpen(shim->base, path, base(f), flags, out);
  f->pMethods = base(f)->pMethods != nullptr ? &kMethods : nullptr;
  return rc;
}
int remove(sqlite3_vfs* v, const char* path, int sync_dir) {
  return shim_of(v)->base->xDelete(shim_of(v)->base, path, sync_dir);
}
int access(sqlite3_vfs* v, const char* path, int flags, int* out) {
  return shim_of(v)->base->xAccess(shim_of(v)->base, path, flags, out);
}
int full_path(sqlite3_vfs* v, const char* path, int n, char* out) {
  return shim_of(v)->base->xFullPathname(shim_of(v)->base, path, n, out);
}
int randomness(sqlite3_vfs* v, int n, char* out) {
  return shim_of(v)->base->xRandomness(shim_of(v)->base, n, out);
}
int nap(sqlite3_vfs* v, int us) { return shim_of(v)->base->xSleep(shim_of(v)->base, us); }
int today(sqlite3_vfs* v, double* out) { return shim_of(v)->base->xCurrentTime(shim_of(v)->base, out); }
int last_error(sqlite3_vfs* v, int n, char* out) {
  return shim_of(v)->base->xGetLastError(shim_of(v)->base, n, out);
}
int today64(sqlite3_vfs* v, sqlite3_int64* out) {
  return shim_of(v)->base->xCurrentTimeInt64(shim_of(v)->base, out);
}

}  // namespace

CountingVfs::CountingVfs(const std::string& base_name) : shim_(std::make_unique<Shim>()) {
  shim_->base = sqlite3_vfs_find(base_name.empty() ? nullptr : base_name.c_str());
  if (shim_->base == nullptr) shim_->base = sqlite3_vfs_find(nullptr);
  shim_->name = fmt::format("sluice-{}", static_cast<const void*>(this));
  shim_->written = &written_;
  shim_->syncs = &syncs_;
  auto& v = shim_->vfs;
  v.iVersion = 2;
  v.szOsFile = static_cast<int>(sizeof(File)) + shim_->base->szOsFile;
  v.mxPathname = shim_->base->mxPathname;
  v.zName = shim_->name.c_str();
  v.pAppData = shim_.get();
  v.xOpen = open;
  v.xDelete = remove;
  v.xAccess = access;
  v.xFullPathname = full_path;
  v.xRandomness = randomness;
  v.xSleep = nap;
  v.xCurrentTime = today;
  v.xGetLastError = last_error;
  v.xCurrentTimeInt64 = today64;
  sqlite3_vfs_register(&v, 0);
}

CountingVfs::~CountingVfs() { sqlite3_vfs_unregister(&shim_->vfs); }

const char* CountingVfs::name() const { return shim_->name.c_str(); }

}  // namespace sluice::store
