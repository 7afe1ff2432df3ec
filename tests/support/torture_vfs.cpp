#include "tests/support/torture_vfs.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice::test {
namespace {

constexpr std::size_t kSector = 512;

struct Change {  // not synced
  bool truncate = false;
  std::size_t at = 0;
  std::string bytes;
};

struct Stored {
  std::string durable, visible;
  std::vector<Change> pending;
};

void put(std::string& to, std::size_t at, std::string_view bytes) {
  if (to.size() < at + bytes.size()) to.resize(at + bytes.size());
  std::memcpy(to.data() + at, bytes.data(), bytes.size());
}

}  // namespace

struct TortureVfs::Disk {
  sqlite3_vfs vfs{};
  TortureVfs* owner = nullptr;
  mutable std::mutex mutex;
  std::map<std::string, std::shared_ptr<Stored>> files;
  std::uint64_t syncs = 0, crash_at = 0;
  std::mt19937_64 random;
  bool dead = false;

  void crash() {
    dead = true;
    for (auto& [path, file] : files) {
      // In an order of its own for each file: the disk may reorder what was not synced.
      if (random() % 2 == 0) std::shuffle(file->pending.begin(), file->pending.end(), random);
      for (const auto& change : file->pending) {
        if (change.truncate) {
          if (random() % 2 == 0) file->durable.resize(change.at);
          continue;
        }
        for (std::size_t i = 0; i < change.bytes.size();) {
          const auto n = std::min(kSector - (change.at + i) % kSector, change.bytes.size() - i);
          const auto fate = random() % 8;
          auto sector = change.bytes.substr(i, n);
          if (fate == 0) {
            for (auto& c : sector) c = static_cast<char>(random());
          }
          if (fate < 5) put(file->durable, change.at + i, sector);
          i += n;
        }
      }
      file->pending.clear();
      file->visible = file->durable;
    }
  }

  void sync(Stored& file) {
    for (const auto& change : file.pending) {
      change.truncate ? file.durable.resize(change.at) : put(file.durable, change.at, change.bytes);
    }
    file.pending.clear();
  }
};

namespace {

struct File {
  sqlite3_file head;
  TortureVfs::Disk* disk;
  std::shared_ptr<Stored>* stored;
};

File* of(sqlite3_file* f) { return reinterpret_cast<File*>(f); }
TortureVfs::Disk* disk_of(sqlite3_vfs* v) { return static_cast<TortureVfs::Disk*>(v->pAppData); }

int close(sqlite3_file* f) {
  delete of(f)->stored;
  of(f)->stored = nullptr;
  return SQLITE_OK;
}

int read(sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
  const std::lock_guard lock(of(f)->disk->mutex);
  if (of(f)->disk->dead) return SQLITE_IOERR_READ;
  const auto& bytes = (*of(f)->stored)->visible;
  const auto size = static_cast<std::size_t>(n), from = static_cast<std::size_t>(at);
  const auto got = from < bytes.size() ? std::min(size, bytes.size() - from) : 0;
  std::memcpy(to, bytes.data() + std::min(from, bytes.size()), got);
  if (got == size) return SQLITE_OK;
  std::memset(static_cast<char*>(to) + got, 0, size - got);
  return SQLITE_IOERR_SHORT_READ;
}

int write(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  auto* disk = of(f)->disk;
  const std::lock_guard lock(disk->mutex);
  if (disk->dead) return SQLITE_IOERR_WRITE;
  auto& file = **of(f)->stored;
  const std::string_view bytes(static_cast<const char*>(from), static_cast<std::size_t>(n));
  if (disk->owner->full && static_cast<std::size_t>(at) + bytes.size() > file.visible.size())
    return SQLITE_FULL;
  put(file.visible, static_cast<std::size_t>(at), bytes);
  file.pending.push_back({false, static_cast<std::size_t>(at), std::string(bytes)});
  return SQLITE_OK;
}

int truncate(sqlite3_file* f, sqlite3_int64 n) {
  const std::lock_guard lock(of(f)->disk->mutex);
  if (of(f)->disk->dead) return SQLITE_IOERR_TRUNCATE;
  auto& file = **of(f)->stored;
  file.visible.resize(static_cast<std::size_t>(n));
  file.pending.push_back({true, static_cast<std::size_t>(n), {}});
  return SQLITE_OK;
}

int sync(sqlite3_file* f, int) {
  auto* disk = of(f)->disk;
  const std::lock_guard lock(disk->mutex);
  if (disk->dead) return SQLITE_IOERR_FSYNC;
  ++disk->syncs;
  if (disk->crash_at != 0 && --disk->crash_at == 0) {
    disk->crash();
    return SQLITE_IOERR_FSYNC;
  }
  auto& file = **of(f)->stored;
  if (disk->owner->fail_sync) {
    file.pending.clear();  // as Linux: the pages are marked clean, a second fsync would succeed
    return SQLITE_IOERR_FSYNC;
  }
  disk->sync(file);
  return SQLITE_OK;
}

int size(sqlite3_file* f, sqlite3_int64* n) {
  const std::lock_guard lock(of(f)->disk->mutex);
  *n = static_cast<sqlite3_int64>((*of(f)->stored)->visible.size());
  return SQLITE_OK;
}
int lock(sqlite3_file*, int) { return SQLITE_OK; }
int check_lock(sqlite3_file*, int* held) {
  *held = 0;
  return SQLITE_OK;
}
int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sector(sqlite3_file*) { return 4096; }
int traits(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

const sqlite3_io_methods kMethods = {1,       close,   read,       write,   truncate, sync,   size,
                                     lock,    lock,    check_lock, control, sector,   traits, nullptr,
                                     nullptr, nullptr, nullptr,    nullptr, nullptr};

int open(sqlite3_vfs* v, const char* path, sqlite3_file* f, int flags, int* out) {
  auto* disk = disk_of(v);
  const std::lock_guard lock(disk->mutex);
  f->pMethods = nullptr;
  if (disk->dead) return SQLITE_CANTOPEN;
  const std::string name = path != nullptr ? path : "";
  auto it = disk->files.find(name);
  if (it == disk->files.end()) {
    if ((flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
    it = disk->files.emplace(name, std::make_shared<Stored>()).first;
  }
  of(f)->disk = disk;
  of(f)->stored = new std::shared_ptr<Stored>(it->second);
  f->pMethods = &kMethods;
  if (out != nullptr) *out = flags;
  return SQLITE_OK;
}

int remove(sqlite3_vfs* v, const char* path, int) {
  const std::lock_guard lock(disk_of(v)->mutex);
  if (disk_of(v)->dead) return SQLITE_IOERR_DELETE;
  return disk_of(v)->files.erase(path) > 0 ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}
int access(sqlite3_vfs* v, const char* path, int, int* out) {
  const std::lock_guard lock(disk_of(v)->mutex);
  *out = disk_of(v)->files.contains(path) ? 1 : 0;
  return SQLITE_OK;
}
int full_path(sqlite3_vfs*, const char* path, int n, char* out) {
  sqlite3_snprintf(n, out, "%s", path);
  return SQLITE_OK;
}
int randomness(sqlite3_vfs*, int n, char* out) {
  std::memset(out, 7, static_cast<std::size_t>(n));
  return n;
}
int nap(sqlite3_vfs*, int us) { return us; }
int today(sqlite3_vfs*, double* out) {
  *out = 2460000.5;
  return SQLITE_OK;
}
int last_error(sqlite3_vfs* v, int, char*) { return disk_of(v)->owner->full ? ENOSPC : EIO; }

}  // namespace

TortureVfs::TortureVfs(std::string name) : name_(std::move(name)), disk_(std::make_unique<Disk>()) {
  disk_->owner = this;
  auto& v = disk_->vfs;
  v.iVersion = 1;
  v.szOsFile = sizeof(File);
  v.mxPathname = 1024;
  v.zName = name_.c_str();
  v.pAppData = disk_.get();
  v.xOpen = open;
  v.xDelete = remove;
  v.xAccess = access;
  v.xFullPathname = full_path;
  v.xRandomness = randomness;
  v.xSleep = nap;
  v.xCurrentTime = today;
  v.xGetLastError = last_error;
  sqlite3_vfs_register(&v, 0);
}

TortureVfs::~TortureVfs() { sqlite3_vfs_unregister(&disk_->vfs); }

void TortureVfs::crash_at_sync(std::uint64_t nth, std::uint64_t seed) {
  const std::lock_guard lock(disk_->mutex);
  disk_->crash_at = nth;
  disk_->random.seed(seed);
}

bool TortureVfs::crashed() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->dead;
}

void TortureVfs::reboot() {
  const std::lock_guard lock(disk_->mutex);
  if (!disk_->dead) disk_->crash();
  disk_->dead = false;
  disk_->crash_at = 0;
}

std::uint64_t TortureVfs::syncs() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->syncs;
}

std::string TortureVfs::content(const std::string& path) const {
  const std::lock_guard lock(disk_->mutex);
  const auto it = disk_->files.find(path);
  return it == disk_->files.end() ? std::string() : it->second->visible;
}

}  // namespace sluice::test
