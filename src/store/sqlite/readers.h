#pragma once
// A few connections that only read, lent to one caller at a time.

#include <condition_variable>
#include <mutex>

#include "store/moments.h"
#include "store/sql/transaction.h"
#include "store/sqlite/database.h"
#include "store/sqlite/options.h"

namespace mayfly {

class SqliteReaders {
 public:
  static Result<std::unique_ptr<SqliteReaders>> open(const SqliteOptions& options, Moments& moments);

  /// busy when no reader gets free in time.
  Status view(const Store::Closure& closure);

 private:
  struct Reader {
    explicit Reader(std::unique_ptr<SqliteDatabase> connection)
        : database(std::move(connection)), transaction(*database) {}
    std::unique_ptr<SqliteDatabase> database;
    sql::SqlTransaction transaction;
  };
  SqliteReaders(Duration patience, Moments& moments) : patience_(patience), moments_(moments) {}
  Result<std::unique_ptr<Reader>> take();
  void give_back(std::unique_ptr<Reader> reader);
  Status view_with(Reader& reader, const Store::Closure& closure);

  const Duration patience_;
  Moments& moments_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Reader>> free_;
};

}  // namespace mayfly
