#pragma once
// The store over one SQLite file. One thread writes (writer.h), a few connections read; both see the tables of
// store/sql. Whoever opens it holds the lock on the data directory: there is one such process.

#include "ports/clock.h"
#include "store/sqlite/readers.h"
#include "store/sqlite/writer.h"

namespace mayfly {

class SqliteStore : public Store {
 public:
  /// Creates the file or brings its schema up to date. unsupported when a newer program has written it.
  static Result<std::unique_ptr<SqliteStore>> open(const SqliteOptions& options, const Clock& clock);
  /// Runs what was submitted before, then closes. Nothing may be submitted meanwhile.
  ~SqliteStore() override;

  /// `then` runs on the writer's thread, after those of its group and before the wakes of their commit are delivered
  /// there; it must not wait for anything. A full queue is refused at once, on the caller's thread.
  void submit(Closure closure, Then then) override;
  Status view(const Closure& closure) override;
  void on_commit(std::function<void(const Wakes&)> listener) override;

  SqliteStats stats() const;

 private:
  explicit SqliteStore(const Clock& clock) : moments_(clock) {}

  Moments moments_;
  std::unique_ptr<SqliteReaders> readers_;
  std::unique_ptr<SqliteWriter> writer_;
};

}  // namespace mayfly
