#include "store/sqlite/database.h"

#include <utility>

#include <sqlite3.h>

namespace mayfly {

namespace {

// Lists with unusual filters make statements of their own; enough for all the usual ones.
constexpr std::size_t most_statements = 256;

// A log that one burst has made long is cut to this when it starts over.
constexpr int log_size_limit = 64 << 20;

class SqliteRow : public sql::Row {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}
  using sql::Row::rewind;

 protected:
  bool null_at(int column) const override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  std::int64_t integer_at(int column) const override { return sqlite3_column_int64(statement_, column); }
  double number_at(int column) const override { return sqlite3_column_double(statement_, column); }
  std::string_view text_at(int column) const override {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (!text) return {};
    return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3_stmt* statement_;
};

/// "UPDATE sandbox SET ...": enough of a statement to find it by.
std::string beginning_of(std::string_view sql) {
  std::string text;
  for (const char c : sql) {
    const bool blank = c == ' ' || c == '\n';
    if (blank && (text.empty() || text.back() == ' ')) continue;
    if (text.size() >= 60) return text + "...";
    text += blank ? ' ' : c;
  }
  return text;
}

Code code_of(int result) {
  switch (result & 0xff) {
    case SQLITE_FULL: return Code::no_space;
    case SQLITE_BUSY: case SQLITE_LOCKED: return Code::busy;
    case SQLITE_IOERR: case SQLITE_CANTOPEN: case SQLITE_ABORT: return Code::unavailable;
    case SQLITE_NOMEM: return Code::exhausted;
    case SQLITE_CONSTRAINT: return Code::conflict;
    case SQLITE_PERM: case SQLITE_AUTH: return Code::denied;
    case SQLITE_INTERRUPT: return Code::timed_out;
    default: return Code::internal;
  }
}

std::string_view reason_of(int result) {
  switch (result & 0xff) {
    case SQLITE_READONLY: return "read_only";
    case SQLITE_CORRUPT: case SQLITE_NOTADB: return "database_damaged";
    case SQLITE_IOERR: return "database_io";
    case SQLITE_INTERRUPT: return "query_timeout";
    default: return "";
  }
}

}  // namespace

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const SqliteOpening& opening) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  // Locks of this VFS shut other processes out, whose checkpoints could race with ours; the log's index is in memory.
  const char* vfs = opening.vfs.empty() ? "unix-excl" : opening.vfs.c_str();
  const int code = sqlite3_open_v2(opening.path.c_str(), &handle, flags, vfs);
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(handle, opening.path));
  if (code != SQLITE_OK) return tl::unexpected(database->error_of(code, "open it"));
  TRY(database->configure(opening));
  return database;
}

SqliteDatabase::~SqliteDatabase() {
  forget_statements();
  // The last connection to go moves the log into the main file; if it cannot, the log stays and is read at the next
  // start.
  sqlite3_close(handle_);
}

Status SqliteDatabase::configure(const SqliteOpening& opening) {
  sqlite3_busy_timeout(handle_, static_cast<int>(opening.busy_timeout / 1ms));
  TRY(script("PRAGMA temp_store = MEMORY;"
             "PRAGMA mmap_size = 0;"
             "PRAGMA foreign_keys = OFF;"
             "PRAGMA cache_size = -" + std::to_string(opening.cache_kib)));
  if (opening.read_only) return script("PRAGMA query_only = ON");

  std::string mode;
  TRY(query("PRAGMA journal_mode = WAL", {}, [&](sql::Row& row) { mode = row.text(); }));
  if (mode != "wal")
    return fail(Code::unsupported, "cannot keep a write-ahead log for " + path_ + ": SQLite stays in mode " + mode);
  // The hook takes the place of SQLite's own automatic checkpoint: the writer decides when, after it has answered.
  sqlite3_wal_hook(
      handle_,
      [](void* self, sqlite3*, const char*, int frames) {
        static_cast<SqliteDatabase*>(self)->log_frames_ = frames;
        return SQLITE_OK;
      },
      this);
  return script("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = " + std::to_string(log_size_limit));
}

Result<std::int64_t> SqliteDatabase::exec(std::string_view sql, sql::Parameters parameters) {
  Statement* statement = TRY(prepare(sql));
  bind(*statement, parameters);
  int code = SQLITE_ROW;
  while (code == SQLITE_ROW) code = sqlite3_step(statement->handle);
  const std::int64_t changes = sqlite3_changes64(handle_);
  sqlite3_reset(statement->handle);
  if (code != SQLITE_DONE) return trouble(code, sql);
  return changes;
}

Status SqliteDatabase::query(std::string_view sql, sql::Parameters parameters,
                             const std::function<void(sql::Row&)>& each) {
  Statement* statement = TRY(prepare(sql));
  bind(*statement, parameters);
  SqliteRow row(statement->handle);
  statement->reading = true;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(statement->handle)) == SQLITE_ROW && row.damage().empty()) {
    row.rewind();
    each(row);
  }
  statement->reading = false;
  // A read that stays open would keep the checkpoint from finishing, and the log would grow.
  sqlite3_reset(statement->handle);
  if (!row.damage().empty())
    return fail(Code::internal, "a row of " + path_ + " is damaged: " + row.damage() + " in " + beginning_of(sql),
                "database_damaged");
  if (code != SQLITE_DONE) return trouble(code, sql);
  return {};
}

Status SqliteDatabase::script(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return trouble(code, sql);
  return {};
}

bool SqliteDatabase::autocommit() const { return sqlite3_get_autocommit(handle_) != 0; }

std::optional<Error> SqliteDatabase::take_trouble() { return std::exchange(trouble_, std::nullopt); }

int SqliteDatabase::commit() {
  auto statement = prepare("COMMIT");
  CHECK(statement.has_value());
  const int code = sqlite3_step((*statement)->handle);
  sqlite3_reset((*statement)->handle);
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

SqliteDatabase::Checkpointed SqliteDatabase::checkpoint(bool truncate) {
  Checkpointed result;
  const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  result.code = sqlite3_wal_checkpoint_v2(handle_, nullptr, mode, &result.frames, &result.done);
  if (truncate && result.code == SQLITE_OK) log_frames_ = 0;
  return result;
}

Error SqliteDatabase::error_of(int code, std::string_view what_was_tried) const {
  const bool known = handle_ && sqlite3_errcode(handle_) != SQLITE_OK;
  const char* detail = known ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  return {code_of(code),
          "database " + path_ + ": cannot " + std::string(what_was_tried) + ": " + detail + " (SQLite result " +
              std::to_string(code) + ")",
          std::string(reason_of(code)),
          {}};
}

Result<SqliteDatabase::Statement*> SqliteDatabase::prepare(std::string_view sql) {
  const auto known = statements_.find(sql);
  if (known != statements_.end()) {
    CHECK(!known->second.reading);
    return &known->second;
  }
  if (statements_.size() >= most_statements) forget_statements();

  Statement statement;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement.handle, nullptr);
  if (code != SQLITE_OK) return trouble(code, sql);
  // SQLite numbers $1, $2 in the order of their appearance: a value is bound where its name stands.
  const int count = sqlite3_bind_parameter_count(statement.handle);
  for (int number = 1; number <= count; ++number)
    statement.places.push_back(sqlite3_bind_parameter_index(statement.handle, ("$" + std::to_string(number)).c_str()));
  return &statements_.emplace(sql, std::move(statement)).first->second;
}

void SqliteDatabase::bind(Statement& statement, sql::Parameters parameters) {
  const auto values = parameters.all();
  CHECK(values.size() == statement.places.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int place = statement.places[i];
    CHECK(place > 0);
    struct Binder {
      sqlite3_stmt* handle;
      int place;
      int operator()(std::monostate) const { return sqlite3_bind_null(handle, place); }
      int operator()(std::int64_t number) const { return sqlite3_bind_int64(handle, place, number); }
      int operator()(double number) const { return sqlite3_bind_double(handle, place, number); }
      int operator()(std::string_view text) const {
        // Not copied: it outlives the call that binds, and no statement runs again without being bound again.
        return sqlite3_bind_text64(handle, place, text.data() ? text.data() : "", text.size(), SQLITE_STATIC,
                                   SQLITE_UTF8);
      }
      int operator()(const std::string& text) const { return (*this)(std::string_view(text)); }
    };
    const int code = std::visit(Binder{statement.handle, place}, values[i].value());
    CHECK(code == SQLITE_OK);
  }
}

tl::unexpected<Error> SqliteDatabase::trouble(int code, std::string_view sql) {
  auto error = error_of(code, "run \"" + beginning_of(sql) + "\"");
  if ((code & 0xff) != SQLITE_CONSTRAINT && !trouble_) trouble_ = error;
  return tl::unexpected(std::move(error));
}

void SqliteDatabase::forget_statements() {
  for (auto& [text, statement] : statements_) sqlite3_finalize(statement.handle);
  statements_.clear();
}

}  // namespace mayfly
