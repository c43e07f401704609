#pragma once
// A disk that fails when told. It stands between SQLite and the VFS that the store uses by default.

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

#include <sqlite3.h>

namespace mayfly {

class FaultyVfs {
 public:
  enum class Operation { read, write, sync };
  enum class File { main, log };
  struct Fault {
    Operation operation;
    File file;
    int code;                      // SQLite's result code
    bool half_written = false;     // a write reaches the disk in part
    int times = 1;
  };

  FaultyVfs();
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;

  const std::string& name() const { return name_; }
  /// From now on, until it has happened `times` times.
  void fail(Fault fault);
  int failures() const { return failures_; }

  /// For the file methods: the fault that strikes now.
  std::optional<Fault> strike(Operation operation, File file);

 private:
  std::string name_;
  sqlite3_vfs vfs_;
  std::mutex mutex_;
  std::optional<Fault> fault_;
  std::atomic<int> failures_ = 0;
};

}  // namespace mayfly
