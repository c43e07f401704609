#include "store/sqlite/readers.h"

#include <algorithm>

#include "store/guard.h"

namespace mayfly {

Result<std::unique_ptr<SqliteReaders>> SqliteReaders::open(const SqliteOptions& options, Moments& moments) {
  std::unique_ptr<SqliteReaders> readers(new SqliteReaders(options.reader_wait, moments));
  const auto count = std::max<std::size_t>(options.readers, 1);
  for (std::size_t i = 0; i < count; ++i) {
    auto database = TRY(SqliteDatabase::open({.path = options.path,
                                              .read_only = true,
                                              .cache_kib = options.cache_kib / static_cast<int>(count),
                                              .vfs = options.vfs}));
    readers->free_.push_back(std::make_unique<Reader>(std::move(database)));
  }
  return readers;
}

Status SqliteReaders::view(const Store::Closure& closure) {
  auto reader = TRY(take());
  auto status = view_with(*reader, closure);
  give_back(std::move(reader));
  return status;
}

Result<std::unique_ptr<SqliteReaders::Reader>> SqliteReaders::take() {
  std::unique_lock lock(mutex_);
  if (!returned_.wait_for(lock, patience_, [this] { return !free_.empty(); }))
    return fail(Code::busy, "no reader of the database got free within " + human(patience_), "readers_busy");
  auto reader = std::move(free_.back());
  free_.pop_back();
  return reader;
}

void SqliteReaders::give_back(std::unique_ptr<Reader> reader) {
  {
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(reader));
  }
  returned_.notify_one();
}

Status SqliteReaders::view_with(Reader& reader, const Store::Closure& closure) {
  auto& database = *reader.database;
  TRY(database.exec("BEGIN"));
  // The first read takes the snapshot: no row in it is younger than the moment that is sampled after it.
  auto status = database.any("SELECT 1 FROM schema_version LIMIT 1", {}).map([](bool) {});
  if (status) {
    reader.transaction.start(moments_.next());
    status = run_guarded(closure, reader.transaction);
  }
  if (auto trouble = database.take_trouble(); trouble && status) status = tl::unexpected(std::move(*trouble));
  if (!database.autocommit()) static_cast<void>(database.exec("ROLLBACK"));
  database.take_trouble();
  return status;
}

}  // namespace mayfly
