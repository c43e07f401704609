#pragma once
// The one thread that writes, with the one connection that writes: group commit.
//
// It takes everything that was queued while the last commit was under way, runs each closure in a savepoint of its own,
// commits once and answers all of them. A closure that fails takes back its own changes only; when an error ends the
// transaction itself, the group is void and its closures run again, one transaction each.
// Answers and wakes are given on this thread: `then` must not wait for anything.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <span>
#include <thread>

#include "store/moments.h"
#include "store/sql/transaction.h"
#include "store/sqlite/database.h"
#include "store/sqlite/options.h"

namespace mayfly {

class SqliteWriter {
 public:
  SqliteWriter(std::unique_ptr<SqliteDatabase> database, const SqliteOptions& options, Moments& moments);
  ~SqliteWriter();

  /// Runs what is queued, then ends the thread. Whatever comes later is refused.
  void stop();

  void submit(Store::Closure closure, Store::Then then);
  void listen(std::function<void(const Wakes&)> listener);
  SqliteStats stats() const;

 private:
  struct Job {
    Store::Closure closure;
    Store::Then then;
    Status status;
    Wakes wakes;
  };
  enum class Ran { inside, transaction_gone };

  void run();
  std::deque<Job> next_jobs();
  std::size_t run_group(std::span<Job> jobs);
  Ran run_closure(Job& job);
  Status begin();
  void leave_transaction();
  void commit(std::span<Job> jobs, bool first_try = true);
  void run_alone(Job& job, bool first_try = true);
  void answer(std::span<Job> jobs);
  void make_room();
  void refuse_all(std::span<Job> jobs, const Error& error);
  bool checkpoint_is_due() const;
  void checkpoint();
  [[noreturn]] void outcome_unknown(const std::string& message);

  const SqliteOptions options_;
  Moments& moments_;
  std::unique_ptr<SqliteDatabase> database_;
  sql::SqlTransaction transaction_;
  bool disk_full_ = false;
  int frames_done_ = 0;        // of the log, already in the main file

  mutable std::mutex mutex_;
  std::condition_variable queued_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  std::function<void(const Wakes&)> listener_;
  SqliteStats stats_;

  std::thread thread_;
};

}  // namespace mayfly
