#include "store/power_vfs.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mayfly {

namespace {

constexpr std::size_t most_sectors = 60'000;

struct Before {
  sqlite3_int64 at;
  PowerVfs::File file;
  bool live;
  char bytes[PowerVfs::sector];
};

}  // namespace

/// Every unsynced sector as it was when the last sync ended, the oldest first; and how long each file was then.
struct PowerVfs::Log {
  std::size_t count;
  sqlite3_int64 synced_size[3];
  bool unsynced[3];
  Before sectors[most_sectors];
};

namespace {

struct PowerFile {
  sqlite3_file base;
  PowerVfs* vfs;
  PowerVfs::File which;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

PowerFile* self(sqlite3_file* file) { return reinterpret_cast<PowerFile*>(file); }
sqlite3_file* real(sqlite3_file* file) { return self(file)->real(); }
const sqlite3_io_methods& of(sqlite3_file* file) { return *real(file)->pMethods; }

int read(sqlite3_file* f, void* bytes, int count, sqlite3_int64 at) {
  if (const int trouble = self(f)->vfs->before_read()) return trouble;
  return of(f).xRead(real(f), bytes, count, at);
}
int write(sqlite3_file* f, const void* bytes, int count, sqlite3_int64 at) {
  if (const int trouble = self(f)->vfs->before_write(real(f), self(f)->which, bytes, count, at)) return trouble;
  return of(f).xWrite(real(f), bytes, count, at);
}
int truncate(sqlite3_file* f, sqlite3_int64 size) {
  if (const int trouble = self(f)->vfs->before_truncate(real(f), self(f)->which, size)) return trouble;
  return of(f).xTruncate(real(f), size);
}
int sync(sqlite3_file* f, int) {
  if (const int trouble = self(f)->vfs->before_sync(self(f)->which)) return trouble;
  self(f)->vfs->settle(self(f)->which);
  return SQLITE_OK;
}
int close(sqlite3_file* f) { return of(f).xClose(real(f)); }
int file_size(sqlite3_file* f, sqlite3_int64* size) { return of(f).xFileSize(real(f), size); }
int lock(sqlite3_file* f, int level) { return of(f).xLock(real(f), level); }
int unlock(sqlite3_file* f, int level) { return of(f).xUnlock(real(f), level); }
int check_lock(sqlite3_file* f, int* held) { return of(f).xCheckReservedLock(real(f), held); }
int control(sqlite3_file* f, int what, void* with) { return of(f).xFileControl(real(f), what, with); }
int sector_size(sqlite3_file*) { return PowerVfs::sector; }
int traits(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }
int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** at) {
  return of(f).xShmMap(real(f), page, size, extend, at);
}
int shm_lock(sqlite3_file* f, int offset, int n, int flags) { return of(f).xShmLock(real(f), offset, n, flags); }
void shm_barrier(sqlite3_file* f) { of(f).xShmBarrier(real(f)); }
int shm_unmap(sqlite3_file* f, int remove) { return of(f).xShmUnmap(real(f), remove); }

const sqlite3_io_methods methods = {2,        close,       read,    write,  truncate,   sync,    file_size,
                                    lock,     unlock,      check_lock, control, sector_size, traits, shm_map,
                                    shm_lock, shm_barrier, shm_unmap, nullptr, nullptr};

sqlite3_vfs* underneath() { return sqlite3_vfs_find("unix-excl"); }

int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  auto* made = self(file);
  made->vfs = static_cast<PowerVfs*>(vfs->pAppData);
  made->which = flags & SQLITE_OPEN_WAL       ? PowerVfs::File::log
                : flags & SQLITE_OPEN_MAIN_DB ? PowerVfs::File::main
                                              : PowerVfs::File::other;
  const int code = underneath()->xOpen(underneath(), path, made->real(), flags, out_flags);
  made->base.pMethods = made->real()->pMethods ? &methods : nullptr;
  return code;
}

int remove(sqlite3_vfs* vfs, const char* path, int) {
  if (std::string_view(path).ends_with("-wal")) static_cast<PowerVfs*>(vfs->pAppData)->forget(PowerVfs::File::log);
  return underneath()->xDelete(underneath(), path, 0);   // the folder is not synced: no test takes a name away
}

// Of the one process that lives with a disk like this.
std::mt19937_64 kernel_dice;

/// A kernel that takes its time: part of what was asked for, or an interruption.
ssize_t short_pread(int fd, void* bytes, std::size_t count, off64_t at) {
  const auto face = kernel_dice() % 8;
  if (face == 0) {
    errno = EINTR;
    return -1;
  }
  return ::pread64(fd, bytes, face < 4 && count > 1 ? 1 + kernel_dice() % (count - 1) : count, at);
}

}  // namespace

PowerVfs::PowerVfs(std::string database)
    : name_("power-" + std::to_string(reinterpret_cast<std::uintptr_t>(this))), database_(std::move(database)) {
  void* room = ::mmap(nullptr, sizeof(Log), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) std::abort();
  log_ = static_cast<Log*>(room);
  vfs_ = *underneath();
  vfs_.zName = name_.c_str();
  vfs_.pNext = nullptr;
  vfs_.pAppData = this;
  vfs_.szOsFile += static_cast<int>(sizeof(PowerFile));
  vfs_.xOpen = open;
  vfs_.xDelete = remove;
  sqlite3_vfs_register(&vfs_, 0);
}

PowerVfs::~PowerVfs() {
  sqlite3_vfs_unregister(&vfs_);
  ::munmap(log_, sizeof(Log));
}

void PowerVfs::live(const Fate& fate) {
  fate_ = fate;
  dice_.seed(fate.seed);
  passed_ = 0;
  if (!fate.short_reads) return;
  kernel_dice.seed(fate.seed + 1);
  for (const auto* call : {"pread", "pread64"})
    underneath()->xSetSystemCall(underneath(), call, reinterpret_cast<sqlite3_syscall_ptr>(short_pread));
}

bool PowerVfs::strikes(int one_in) { return one_in > 0 && dice_() % static_cast<unsigned>(one_in) == 0; }

void PowerVfs::end_if_due() {
  if (++passed_ == fate_.cut_at) ::_exit(9);
}

void PowerVfs::remember(sqlite3_file* real, File file, sqlite3_int64 from, sqlite3_int64 to) {
  const auto f = static_cast<int>(file);
  if (!log_->unsynced[f]) {
    log_->unsynced[f] = true;
    real->pMethods->xFileSize(real, &log_->synced_size[f]);
  }
  for (auto at = from / sector * sector; at < to; at += sector) {
    if (log_->count >= most_sectors) std::abort();
    auto& before = log_->sectors[log_->count];
    before = {at, file, true, {}};
    real->pMethods->xRead(real, before.bytes, sector, at);   // zeros past the end
    ++log_->count;
  }
}

int PowerVfs::before_write(sqlite3_file* real, File file, const void* bytes, int count, sqlite3_int64 at) {
  if (file == File::other) return SQLITE_OK;
  remember(real, file, at, at + count);
  const bool last = passed_ + 1 == fate_.cut_at;
  const bool fails = strikes(fate_.fault_in);
  // In both cases some of it may have come to the disk.
  if (last || fails)
    if (const int part = static_cast<int>(dice_() % (static_cast<unsigned>(count) / sector + 1)) * sector; part > 0)
      real->pMethods->xWrite(real, bytes, std::min(part, count), at);
  end_if_due();
  if (!fails) return SQLITE_OK;
  return dice_() % 4 == 0 ? SQLITE_IOERR_WRITE : SQLITE_FULL;
}

int PowerVfs::before_truncate(sqlite3_file* real, File file, sqlite3_int64 size) {
  if (file == File::other) return SQLITE_OK;
  sqlite3_int64 length = 0;
  real->pMethods->xFileSize(real, &length);
  if (size < length) remember(real, file, size, length);
  end_if_due();
  return SQLITE_OK;
}

int PowerVfs::before_sync(File file) {
  if (file == File::other) return SQLITE_OK;
  end_if_due();
  return strikes(fate_.fault_in * 4) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

int PowerVfs::before_read() { return strikes(fate_.fault_in * 4) ? SQLITE_IOERR_READ : SQLITE_OK; }

void PowerVfs::settle(File file) {
  if (!fate_.lies) forget(file);
}

void PowerVfs::forget(File file) {
  for (std::size_t i = 0; i < log_->count; ++i)
    if (log_->sectors[i].file == file) log_->sectors[i].live = false;
  while (log_->count > 0 && !log_->sectors[log_->count - 1].live) --log_->count;
  log_->unsynced[static_cast<int>(file)] = false;
}

void PowerVfs::cut_power(std::uint64_t seed) {
  std::mt19937_64 dice(seed);
  const auto path_of = [&](File file) { return file == File::log ? database_ + "-wal" : database_; };
  for (const auto file : {File::main, File::log}) {
    const auto f = static_cast<int>(file);
    if (!std::exchange(log_->unsynced[f], false)) continue;
    // The first image of a sector is what the last sync left; how much of the rest came to the disk is chance.
    std::map<sqlite3_int64, const Before*> synced;
    for (std::size_t i = 0; i < log_->count; ++i)
      if (const auto& before = log_->sectors[i]; before.live && before.file == file) synced.emplace(before.at, &before);
    const auto survives = dice() % 3;   // nothing of it, all of it, or each sector by itself
    const int fd = ::open(path_of(file).c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) continue;
    bool grown = false;
    for (const auto& [at, before] : synced) {
      if (survives == 1 || (survives == 2 && dice() % 2 == 0)) {
        grown |= at >= log_->synced_size[f];
        continue;
      }
      if (::pwrite(fd, before->bytes, sector, at) != sector) std::abort();
    }
    struct stat now {};
    ::fstat(fd, &now);
    // Nothing past the old end has survived, or what was cut off is there again.
    if ((!grown || now.st_size < log_->synced_size[f]) && survives != 1 &&
        ::ftruncate(fd, log_->synced_size[f]) != 0)
      std::abort();
    ::close(fd);
  }
  log_->count = 0;
}

}  // namespace mayfly
