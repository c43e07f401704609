#include "store/sqlite/store.h"

#include "store/sql/migration.h"

namespace mayfly {

namespace {

// The writer waits for readers only when it cuts a long log, and everybody waits for the writer.
constexpr Duration writer_patience = 20ms;

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const SqliteOptions& options, const Clock& clock) {
  std::unique_ptr<SqliteStore> store(new SqliteStore(clock));
  auto database = TRY(SqliteDatabase::open({.path = options.path,
                                            .cache_kib = options.cache_kib,
                                            .busy_timeout = writer_patience,
                                            .vfs = options.vfs}));
  TRY(sql::migrate(*database, sql::migrations(), clock.now()));
  database->take_trouble();
  // What a killed process has left in the log. A full disk keeps it there, where it is just as safe.
  database->checkpoint(true);
  store->readers_ = TRY(SqliteReaders::open(options, store->moments_));
  store->writer_ = std::make_unique<SqliteWriter>(std::move(database), options, store->moments_);
  return store;
}

SqliteStore::~SqliteStore() {
  // Readers stay while answers are given, and go before the writer's connection, whose closing empties the log.
  if (!writer_) return;
  writer_->stop();
  readers_.reset();
  writer_.reset();
}

void SqliteStore::submit(Closure closure, Then then) { writer_->submit(std::move(closure), std::move(then)); }

Status SqliteStore::view(const Closure& closure) { return readers_->view(closure); }

void SqliteStore::on_commit(std::function<void(const Wakes&)> listener) { writer_->listen(std::move(listener)); }

SqliteStats SqliteStore::stats() const { return writer_->stats(); }

}  // namespace mayfly
