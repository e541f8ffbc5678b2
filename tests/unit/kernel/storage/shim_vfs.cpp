#include "shim_vfs.hpp"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <new>

namespace tenon::host::test {

/// In front of the real file, in SQLite's memory.
struct ShimFile {
  sqlite3_file base;
  ShimVfs* shim;
  std::string* name;  ///< nullptr: a temporary file, which no power failure concerns
  sqlite3_file* real;

  static ShimFile& of(sqlite3_file* file) { return *reinterpret_cast<ShimFile*>(file); }

  static int close(sqlite3_file* file) {
    ShimFile& f = of(file);
    delete f.name;
    return f.real->pMethods->xClose(f.real);
  }
  static int read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
    ShimFile& f = of(file);
    {
      const std::lock_guard lock(f.shim->mutex_);
      if (f.shim->dead_ || f.shim->strikes(ShimVfs::Fault::read_error)) return SQLITE_IOERR_READ;
    }
    return f.real->pMethods->xRead(f.real, out, size, offset);
  }
  static int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    ShimFile& f = of(file);
    f.shim->pass();
    const std::lock_guard lock(f.shim->mutex_);
    if (f.shim->step()) return SQLITE_IOERR_WRITE;
    if (f.shim->strikes(ShimVfs::Fault::write_error)) {
      errno = EIO;
      return SQLITE_IOERR_WRITE;
    }
    if (f.shim->strikes(ShimVfs::Fault::full)) {
      errno = ENOSPC;
      return SQLITE_FULL;
    }
    // As SQLite's own functions report it: what fits is written.
    const bool is_short = f.shim->strikes(ShimVfs::Fault::short_write);
    const int written = is_short ? size / 2 : size;
    if (f.name != nullptr)
      f.shim->disk_[*f.name].pending.push_back(
          {false, offset, std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(written))});
    const int rc = f.real->pMethods->xWrite(f.real, bytes, written, offset);
    return is_short && rc == SQLITE_OK ? SQLITE_FULL : rc;
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    ShimFile& f = of(file);
    const std::lock_guard lock(f.shim->mutex_);
    if (f.shim->step()) return SQLITE_IOERR_TRUNCATE;
    if (f.name != nullptr) f.shim->disk_[*f.name].pending.push_back({true, size, {}});
    return f.real->pMethods->xTruncate(f.real, size);
  }
  static int sync(sqlite3_file* file, int) {
    ShimFile& f = of(file);
    f.shim->pass();
    const std::lock_guard lock(f.shim->mutex_);
    if (f.shim->step()) return SQLITE_IOERR_FSYNC;
    if (f.shim->strikes(ShimVfs::Fault::sync_error)) {
      errno = EIO;
      return SQLITE_IOERR_FSYNC;
    }
    ++f.shim->syncs_;
    if (f.name != nullptr) f.shim->synced(*f.name);
    return SQLITE_OK;
  }
  static int size(sqlite3_file* file, sqlite3_int64* out) { return of(file).real->pMethods->xFileSize(of(file).real, out); }
  static int lock(sqlite3_file* file, int level) { return of(file).real->pMethods->xLock(of(file).real, level); }
  static int unlock(sqlite3_file* file, int level) { return of(file).real->pMethods->xUnlock(of(file).real, level); }
  static int check_lock(sqlite3_file* file, int* out) { return of(file).real->pMethods->xCheckReservedLock(of(file).real, out); }
  static int control(sqlite3_file* file, int what, void* argument) {
    return of(file).real->pMethods->xFileControl(of(file).real, what, argument);
  }
  static int sector_size(sqlite3_file* file) { return of(file).real->pMethods->xSectorSize(of(file).real); }
  // No promises about what a power failure does to a write: SQLite must not rely on any.
  static int characteristics(sqlite3_file*) { return 0; }
  static int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
    ShimFile& f = of(file);
    {
      const std::lock_guard guard(f.shim->mutex_);
      if (extend != 0 && f.shim->strikes(ShimVfs::Fault::no_shared_memory)) return SQLITE_IOERR_SHMSIZE;
    }
    return f.real->pMethods->xShmMap(f.real, region, size, extend, out);
  }
  static int shm_lock(sqlite3_file* file, int offset, int n, int flags) {
    return of(file).real->pMethods->xShmLock(of(file).real, offset, n, flags);
  }
  static void shm_barrier(sqlite3_file* file) { of(file).real->pMethods->xShmBarrier(of(file).real); }
  static int shm_unmap(sqlite3_file* file, int remove) { return of(file).real->pMethods->xShmUnmap(of(file).real, remove); }

  static const sqlite3_io_methods methods;
};

const sqlite3_io_methods ShimFile::methods = {2,         close,      read,    write,       truncate,        sync,    size,     lock,
                                              unlock,    check_lock, control, sector_size, characteristics, shm_map, shm_lock, shm_barrier,
                                              shm_unmap, nullptr,    nullptr};

namespace {

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

ShimVfs::ShimVfs() : real_(sqlite3_vfs_find(nullptr)), name_("shim-" + std::to_string(reinterpret_cast<std::uintptr_t>(this))) {
  vfs_ = *real_;
  vfs_.pNext = nullptr;
  vfs_.zName = name_.c_str();
  vfs_.szOsFile = static_cast<int>(sizeof(ShimFile)) + real_->szOsFile;
  vfs_.pAppData = this;
  vfs_.xOpen = open;
  vfs_.xDelete = remove;
  // These look into pAppData of the real one.
  vfs_.xAccess = [](sqlite3_vfs* v, const char* path, int flags, int* out) {
    sqlite3_vfs* const real = static_cast<ShimVfs*>(v->pAppData)->real_;
    return real->xAccess(real, path, flags, out);
  };
  sqlite3_vfs_register(&vfs_, 0);
}

ShimVfs::~ShimVfs() { sqlite3_vfs_unregister(&vfs_); }

int ShimVfs::open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  ShimVfs& shim = *static_cast<ShimVfs*>(vfs->pAppData);
  ShimFile& f = ShimFile::of(file);
  f.base.pMethods = nullptr;
  bool existed = false;
  {
    const std::lock_guard lock(shim.mutex_);
    if (shim.dead_ || shim.strikes(Fault::no_open)) return SQLITE_CANTOPEN;
  }
  if (path != nullptr) existed = std::ifstream(path).good();
  f.shim = &shim;
  f.real = reinterpret_cast<sqlite3_file*>(&f + 1);
  f.name = nullptr;
  const int rc = shim.real_->xOpen(shim.real_, path, f.real, flags, out_flags);
  if (rc != SQLITE_OK) return rc;
  f.base.pMethods = &ShimFile::methods;
  if (path == nullptr) return rc;
  f.name = new std::string(last_name(path));
  const std::lock_guard lock(shim.mutex_);
  const auto at = shim.disk_.find(*f.name);
  if (at != shim.disk_.end() && !at->second.deleted) return rc;
  Disk& disk = shim.disk_[*f.name];
  disk = {};
  disk.is_new = !existed;
  if (existed) {
    std::ifstream in(path, std::ios::binary);
    disk.synced.assign(std::istreambuf_iterator<char>(in), {});
  }
  return rc;
}

int ShimVfs::remove(sqlite3_vfs* vfs, const char* path, int sync) {
  ShimVfs& shim = *static_cast<ShimVfs*>(vfs->pAppData);
  const std::lock_guard lock(shim.mutex_);
  if (shim.step()) return SQLITE_IOERR_DELETE;
  const auto at = shim.disk_.find(last_name(path));
  if (at != shim.disk_.end()) {
    if (sync != 0 || at->second.is_new)
      shim.disk_.erase(at);
    else
      at->second.deleted = true;
  }
  return shim.real_->xDelete(shim.real_, path, 0);
}

bool ShimVfs::step() {
  if (dead_) return true;
  ++operations_;
  if (operations_ == cut_at_) dead_ = true;
  return dead_;
}

bool ShimVfs::strikes(Fault fault) {
  if (fault != fault_) return false;
  ++fault_seen_;
  const bool now = fault_seen_ >= fault_at_ && fault_seen_ - fault_at_ < fault_times_;
  faults_ += now ? 1 : 0;
  return now;
}

void ShimVfs::fail(Fault fault, std::uint64_t at, std::uint64_t times) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
  fault_at_ = at;
  fault_times_ = times;
  fault_seen_ = faults_ = 0;
}

void ShimVfs::hang(bool on) {
  const std::lock_guard lock(hang_mutex_);
  hangs_ = on;
  goes_on_.notify_all();
}

void ShimVfs::pass() {
  std::unique_lock lock(hang_mutex_);
  ++hanging_;
  goes_on_.wait(lock, [this] { return !hangs_; });
  --hanging_;
}

void ShimVfs::apply(std::string& content, const Change& change) {
  const auto offset = static_cast<std::size_t>(change.offset);
  if (change.truncates) return content.resize(offset);
  if (content.size() < offset + change.bytes.size()) content.resize(offset + change.bytes.size());
  content.replace(offset, change.bytes.size(), change.bytes);
}

/// The first sync of a new file also syncs the directory, and with it what was deleted there.
void ShimVfs::synced(const std::string& file) {
  Disk& disk = disk_[file];
  for (const Change& change : disk.pending) apply(disk.synced, change);
  disk.pending.clear();
  if (!disk.is_new) return;
  disk.is_new = false;
  std::erase_if(disk_, [](const auto& entry) { return entry.second.deleted; });
}

void ShimVfs::write_image(const std::string& directory, Unsynced unsynced, std::mt19937_64& random) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, disk] : disk_) {
    const bool some = unsynced == Unsynced::some_of_it;
    if (disk.is_new && !(some && random() % 2 == 0)) continue;
    if (disk.deleted && random() % 2 == 0) continue;
    std::string content = disk.synced;
    for (const Change& change : disk.pending) {
      if (!some || random() % 2 == 0) continue;
      Change part = change;
      if (random() % 4 == 0) part.bytes.resize(part.bytes.size() / 512 / 2 * 512);  // torn between sectors
      apply(content, part);
    }
    std::ofstream(directory + "/" + name, std::ios::binary) << content;
  }
}

}  // namespace tenon::host::test
