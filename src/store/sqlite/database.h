#pragma once
// One connection to a SQLite file: statements prepared once, every SELECT reset as soon as it was read.

#include <chrono>
#include <memory>
#include <unordered_map>

#include "store/sql/database.h"

struct sqlite3;
struct sqlite3_stmt;

namespace mayfly {

struct SqliteOpening {
  std::string path;
  bool read_only = false;         // query_only: the file is opened for writing all the same, as WAL demands
  int cache_kib = 16 * 1024;
  Duration busy_timeout = 5s;
  std::string vfs = {};           // empty: the one that keeps other processes out
};

class SqliteDatabase : public sql::Database {
 public:
  static Result<std::unique_ptr<SqliteDatabase>> open(const SqliteOpening& opening);
  ~SqliteDatabase() override;
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  Result<std::int64_t> exec(std::string_view sql, sql::Parameters parameters = {}) override;
  Status query(std::string_view sql, sql::Parameters parameters, const std::function<void(sql::Row&)>& each) override;
  Status script(const std::string& sql) override;
  std::string_view clustered() const override { return "WITHOUT ROWID"; }
  std::string folded(std::string_view text) const override;
  std::string member_of(std::string_view map, std::string_view key) const override;
  std::string matches(std::string_view text, std::string_view pattern) const override;
  std::string pattern_of(std::string_view like) const override;
  void set_patience(std::optional<Duration> patience) override;

  /// No transaction is open: none was begun, or trouble has ended it.
  bool autocommit() const;

  /// The first error since the last call that says more than "this row exists already". A closure that has met one
  /// has failed, whatever it answers.
  std::optional<Error> take_trouble();

  /// SQLite's own extended result code: what a failed COMMIT means depends on it.
  int commit();

  struct Checkpointed {
    int code = 0;                 // SQLite's extended result code
    int frames = 0;               // in the log
    int done = 0;                 // of them in the main file
  };
  Checkpointed checkpoint(bool truncate);

  /// Pages in the log as of the last commit of this connection.
  int log_frames() const { return log_frames_; }

  Error error_of(int code, std::string_view what_was_tried) const;

 private:
  struct Statement {
    sqlite3_stmt* handle = nullptr;
    std::vector<int> places;      // of $1, $2 ...; 0 where the text has none
    bool reading = false;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  explicit SqliteDatabase(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  Status configure(const SqliteOpening& opening);
  Result<Statement*> prepare(std::string_view sql);
  void bind(Statement& statement, sql::Parameters parameters);
  tl::unexpected<Error> trouble(int code, std::string_view sql);
  void forget_statements();

  sqlite3* handle_;
  std::string path_;
  std::unordered_map<std::string, Statement, TextHash, std::equal_to<>> statements_;
  std::optional<Error> trouble_;
  int log_frames_ = 0;
  std::chrono::steady_clock::time_point give_up_at_{};
};

}  // namespace mayfly
