#include "store/faulty_vfs.h"

#include <cstdint>
#include <string_view>

namespace mayfly {

namespace {

/// What SQLite allocates for one open file; the real one lies behind it.
struct FaultyFile {
  sqlite3_file base;
  FaultyVfs* vfs;
  FaultyVfs::File which;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

FaultyFile* faulty(sqlite3_file* file) { return reinterpret_cast<FaultyFile*>(file); }
sqlite3_file* real(sqlite3_file* file) { return faulty(file)->real(); }

std::optional<FaultyVfs::Fault> strike(sqlite3_file* file, FaultyVfs::Operation operation) {
  return faulty(file)->vfs->strike(operation, faulty(file)->which);
}

int read(sqlite3_file* file, void* bytes, int count, sqlite3_int64 at) {
  if (const auto fault = strike(file, FaultyVfs::Operation::read)) return fault->code;
  return real(file)->pMethods->xRead(real(file), bytes, count, at);
}

int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 at) {
  if (const auto fault = strike(file, FaultyVfs::Operation::write)) {
    if (fault->half_written) real(file)->pMethods->xWrite(real(file), bytes, count / 2, at);
    return fault->code;
  }
  return real(file)->pMethods->xWrite(real(file), bytes, count, at);
}

int sync(sqlite3_file* file, int flags) {
  if (const auto fault = strike(file, FaultyVfs::Operation::sync)) return fault->code;
  return real(file)->pMethods->xSync(real(file), flags);
}

int close(sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); }
int truncate(sqlite3_file* f, sqlite3_int64 size) { return real(f)->pMethods->xTruncate(real(f), size); }
int file_size(sqlite3_file* f, sqlite3_int64* size) { return real(f)->pMethods->xFileSize(real(f), size); }
int lock(sqlite3_file* f, int level) { return real(f)->pMethods->xLock(real(f), level); }
int unlock(sqlite3_file* f, int level) { return real(f)->pMethods->xUnlock(real(f), level); }
int check_lock(sqlite3_file* f, int* held) { return real(f)->pMethods->xCheckReservedLock(real(f), held); }
int control(sqlite3_file* f, int what, void* with) { return real(f)->pMethods->xFileControl(real(f), what, with); }
int sector_size(sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); }
int traits(sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); }
int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** at) {
  return real(f)->pMethods->xShmMap(real(f), page, size, extend, at);
}
int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}
void shm_barrier(sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); }
int shm_unmap(sqlite3_file* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); }

const sqlite3_io_methods methods = {2,        close,       read,    write,  truncate,   sync,    file_size,
                                    lock,     unlock,      check_lock, control, sector_size, traits, shm_map,
                                    shm_lock, shm_barrier, shm_unmap, nullptr, nullptr};

sqlite3_vfs* underneath() { return sqlite3_vfs_find("unix-excl"); }

int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  auto* self = faulty(file);
  self->vfs = static_cast<FaultyVfs*>(vfs->pAppData);
  self->which = flags & SQLITE_OPEN_WAL ? FaultyVfs::File::log : FaultyVfs::File::main;
  const int code = underneath()->xOpen(underneath(), path, self->real(), flags, out_flags);
  self->base.pMethods = self->real()->pMethods ? &methods : nullptr;
  return code;
}

}  // namespace

FaultyVfs::FaultyVfs() : name_("faulty-" + std::to_string(reinterpret_cast<std::uintptr_t>(this))) {
  vfs_ = *underneath();
  vfs_.zName = name_.c_str();
  vfs_.pNext = nullptr;
  vfs_.pAppData = this;
  vfs_.szOsFile += static_cast<int>(sizeof(FaultyFile));
  vfs_.xOpen = open;
  sqlite3_vfs_register(&vfs_, 0);
}

FaultyVfs::~FaultyVfs() { sqlite3_vfs_unregister(&vfs_); }

void FaultyVfs::fail(Fault fault) {
  std::lock_guard lock(mutex_);
  fault_ = fault;
}

std::optional<FaultyVfs::Fault> FaultyVfs::strike(Operation operation, File file) {
  std::lock_guard lock(mutex_);
  if (!fault_ || fault_->times == 0 || fault_->operation != operation || fault_->file != file) return std::nullopt;
  --fault_->times;
  ++failures_;
  return fault_;
}

}  // namespace mayfly
