#pragma once
// A disk whose power goes: what was not synced is there or not, sector by sector, and its process ends at an I/O of its
// choice. It stands between SQLite and the VFS that the store uses; the files are real, the syncs are not. What a cut
// may take away lies in memory that outlives the process, so that whoever forked it can take it away.

#include <cstdint>
#include <random>
#include <string>

#include <sqlite3.h>

namespace mayfly {

class PowerVfs {
 public:
  static constexpr int sector = 512;

  /// What happens in the life of a process that uses it.
  struct Fate {
    std::uint64_t seed = 0;
    long cut_at = 0;           // the process ends at that write, truncation or sync; 0: never
    int fault_in = 0;          // one I/O in so many fails: read, write, full disk, sync; 0: none
    bool short_reads = false;  // the kernel gives fewer bytes than asked for, and interrupts
    bool lies = false;         // syncs succeed and do nothing
  };

  explicit PowerVfs(std::string database);
  ~PowerVfs();
  PowerVfs(const PowerVfs&) = delete;

  const std::string& name() const { return name_; }
  /// In the process that is to live it.
  void live(const Fate& fate);
  /// I/Os that a cut can fall on, so far in this life.
  long count() const { return passed_; }

  /// After that process has ended: each sector that was written and not synced keeps or loses what was written to it.
  void cut_power(std::uint64_t seed);

  // For the file methods.
  enum class File { main, log, other };
  struct Log;
  int before_write(sqlite3_file* real, File file, const void* bytes, int count, sqlite3_int64 at);
  int before_truncate(sqlite3_file* real, File file, sqlite3_int64 size);
  int before_sync(File file);
  int before_read();
  void forget(File file);                       // it was deleted
  void settle(File file);                       // all of it is on the disk

 private:
  bool strikes(int one_in);
  void end_if_due();
  void remember(sqlite3_file* real, File file, sqlite3_int64 from, sqlite3_int64 to);

  std::string name_, database_;
  sqlite3_vfs vfs_;
  Log* log_;             // shared with the process that outlives this one
  Fate fate_;
  std::mt19937_64 dice_;
  long passed_ = 0;
};

}  // namespace mayfly
