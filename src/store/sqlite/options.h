#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/time.h"

namespace mayfly {

struct SqliteOptions {
  std::string path;
  std::size_t readers = 4;
  int wal_autocheckpoint = 1000;          // pages; what a checkpoint costs grows with their number, not with bytes
  int cache_kib = 16 * 1024;              // of the writer, and as much of all readers together
  std::size_t queue_limit = 10'000;       // closures that wait; one more is refused as exhausted
  Duration group_age = 5ms;               // a transaction as old as this takes no further closure
  Duration idle_checkpoint = 100ms;       // after so long without work what is in the log moves to the main file ...
  int idle_frames = 250;                  // ... if it is worth it: the next commit pays for a log that begins anew
  Duration reader_wait = 5s;              // how long a view waits for a reader
  std::string vfs = {};                   // empty: the default

  /// The disk was full and a group was refused; something may be given up to make room. On the writer thread.
  std::function<void()> on_full = {};
  /// A COMMIT or an fsync has failed, and nobody can tell what is on the disk. The process ends after this.
  std::function<void(const std::string& message)> on_unknown_commit = {};
};

struct SqliteStats {
  std::uint64_t commits = 0;
  std::uint64_t closures = 0;             // answered, refusals included
  std::uint64_t voided_groups = 0;        // broken by an I/O error and run again one by one
  std::uint64_t full_disks = 0;           // groups that were refused for it
  std::uint64_t checkpoints = 0;
  std::uint64_t failed_checkpoints = 0;
  std::size_t waiting = 0;                // closures in the queue now
  std::size_t last_group = 0;
  std::size_t largest_group = 0;
  int log_frames = 0;                     // pages in the write-ahead log
  Duration last_commit{};
  Duration all_commits{};                 // what they took together
  Duration longest_commit{};
  Duration longest_checkpoint{};
};

}  // namespace mayfly
