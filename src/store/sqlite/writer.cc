#include "store/sqlite/writer.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>

#include <sqlite3.h>

#include "base/failpoint.h"
#include "store/guard.h"

namespace mayfly {

namespace {

using Stopwatch = std::chrono::steady_clock;

Duration since(Stopwatch::time_point start) {
  return std::chrono::duration_cast<Duration>(Stopwatch::now() - start);
}

}  // namespace

SqliteWriter::SqliteWriter(std::unique_ptr<SqliteDatabase> database, const SqliteOptions& options, Moments& moments)
    : options_(options), moments_(moments), database_(std::move(database)), transaction_(*database_),
      thread_([this] { run(); }) {}

SqliteWriter::~SqliteWriter() { stop(); }

void SqliteWriter::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  queued_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void SqliteWriter::submit(Store::Closure closure, Store::Then then) {
  Error refusal{Code::unavailable, "the store is being closed", "store_closed", {}};
  {
    std::lock_guard lock(mutex_);
    if (!stopping_ && queue_.size() < options_.queue_limit) {
      queue_.push_back({std::move(closure), std::move(then), {}, {}});
      if (queue_.size() == 1) queued_.notify_one();
      return;
    }
    if (!stopping_)
      refusal = {Code::exhausted, std::to_string(queue_.size()) + " writes are waiting already", "write_queue_full",
                 {}};
  }
  then(tl::unexpected(std::move(refusal)));
}

void SqliteWriter::listen(std::function<void(const Wakes&)> listener) {
  std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

SqliteStats SqliteWriter::stats() const {
  std::lock_guard lock(mutex_);
  auto stats = stats_;
  stats.waiting = queue_.size();
  return stats;
}

void SqliteWriter::run() {
  for (;;) {
    auto taken = next_jobs();
    if (taken.empty()) return;
    std::vector<Job> jobs(std::make_move_iterator(taken.begin()), std::make_move_iterator(taken.end()));
    for (std::span<Job> left = jobs; !left.empty();) {
      left = left.subspan(run_group(left));
      if (checkpoint_is_due()) checkpoint();
    }
  }
}

/// Everything queued, or nothing when the store is being closed. What is in the log is put away while nobody asks.
std::deque<SqliteWriter::Job> SqliteWriter::next_jobs() {
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return !queue_.empty() || stopping_; };
  while (!ready()) {
    if (database_->log_frames() - frames_done_ < options_.idle_frames) {
      queued_.wait(lock, ready);
    } else if (!queued_.wait_for(lock, options_.idle_checkpoint, ready)) {
      lock.unlock();
      checkpoint();
      lock.lock();
    }
  }
  return std::exchange(queue_, {});
}

/// One transaction: as many of `jobs` as it takes before it is too old. Answers them and says how many they were.
std::size_t SqliteWriter::run_group(std::span<Job> jobs) {
  if (auto begun = begin(); !begun) {
    refuse_all(jobs, begun.error());
    return jobs.size();
  }
  const auto start = Stopwatch::now();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (i > 0 && since(start) >= options_.group_age) {
      commit(jobs.first(i));
      return i;
    }
    if (run_closure(jobs[i]) == Ran::inside) continue;
    leave_transaction();
    {
      std::lock_guard lock(mutex_);
      ++stats_.voided_groups;
    }
    // All that ran before has been undone with it; none of it was answered.
    for (auto& job : jobs.first(i + 1)) run_alone(job);
    return i + 1;
  }
  commit(jobs);
  return jobs.size();
}

void SqliteWriter::run_alone(Job& job, bool first_try) {
  if (auto begun = begin(); !begun) return refuse_all({&job, 1}, begun.error());
  if (run_closure(job) == Ran::inside) return commit({&job, 1}, first_try);
  leave_transaction();
  if (job.status) job.status = fail(Code::unavailable, "the database has given the transaction up", "database_io");
  answer({&job, 1});
}

SqliteWriter::Ran SqliteWriter::run_closure(Job& job) {
  transaction_.start(moments_.next());
  job.wakes = {};
  auto saved = database_->exec("SAVEPOINT closure");
  job.status = saved ? run_guarded(job.closure, transaction_) : tl::unexpected(saved.error());
  if (auto trouble = database_->take_trouble()) {
    // Also when the closure took no notice: its later statements may have run outside of any transaction's promise.
    disk_full_ |= trouble->code == Code::no_space;
    job.status = tl::unexpected(std::move(*trouble));
  }
  if (!saved || database_->autocommit()) return Ran::transaction_gone;
  if (!job.status && !database_->exec("ROLLBACK TO closure")) return Ran::transaction_gone;
  if (!database_->exec("RELEASE closure")) return Ran::transaction_gone;
  if (job.status) job.wakes = std::move(transaction_.wakes);
  return Ran::inside;
}

Status SqliteWriter::begin() {
  TRY(database_->exec("BEGIN IMMEDIATE"));
  return {};
}

void SqliteWriter::leave_transaction() {
  if (!database_->autocommit() && !database_->exec("ROLLBACK"))
    outcome_unknown("a transaction could be neither kept nor rolled back");
  database_->take_trouble();
}

void SqliteWriter::commit(std::span<Job> jobs, bool first_try) {
  FAILPOINT("store.before_commit");
  const auto start = Stopwatch::now();
  const int code = database_->commit();
  FAILPOINT("store.after_commit");
  if (code != SQLITE_OK) {
    const auto error = database_->error_of(code, "commit");
    // Only of a full disk it is known that the group is not there: its last page was not written.
    if ((code & 0xff) != SQLITE_FULL) outcome_unknown(error.message);
    leave_transaction();
    disk_full_ = true;
    if (!first_try || !options_.on_full) return refuse_all(jobs, error);
    // In the room that was made for it: a delete is what makes more.
    make_room();
    for (auto& job : jobs) run_alone(job, false);
    return;
  }
  // A log that was wholly in the main file has been started over.
  if (database_->log_frames() < frames_done_) frames_done_ = 0;
  {
    std::lock_guard lock(mutex_);
    ++stats_.commits;
    stats_.last_group = jobs.size();
    stats_.largest_group = std::max(stats_.largest_group, jobs.size());
    stats_.last_commit = since(start);
    stats_.all_commits += stats_.last_commit;
    stats_.longest_commit = std::max(stats_.longest_commit, stats_.last_commit);
    stats_.log_frames = database_->log_frames();
  }
  answer(jobs);
}

void SqliteWriter::refuse_all(std::span<Job> jobs, const Error& error) {
  for (auto& job : jobs) {
    job.status = tl::unexpected(error);
    job.wakes = {};
  }
  disk_full_ |= error.code == Code::no_space;
  database_->take_trouble();
  answer(jobs);
}

void SqliteWriter::answer(std::span<Job> jobs) {
  // First, so that whoever is refused may try again at once.
  make_room();
  Wakes wakes;
  std::function<void(const Wakes&)> listener;
  {
    std::lock_guard lock(mutex_);
    stats_.closures += jobs.size();
    listener = listener_;
  }
  for (auto& job : jobs) {
    wakes.merge(job.wakes);
    job.then(std::move(job.status));
    job = {};
  }
  if (listener && says_something(wakes)) listener(wakes);
}

void SqliteWriter::make_room() {
  if (!std::exchange(disk_full_, false)) return;
  {
    std::lock_guard lock(mutex_);
    ++stats_.full_disks;
  }
  if (options_.on_full) options_.on_full();
}

bool SqliteWriter::checkpoint_is_due() const {
  return database_->log_frames() - frames_done_ >= options_.wal_autocheckpoint;
}

/// After the answers, never before: whoever crossed the limit does not pay for it. A log that readers have kept from
/// starting over is cut once it is long, and waits for them as long as the connection waits for a lock.
void SqliteWriter::checkpoint() {
  const auto start = Stopwatch::now();
  const bool long_log = database_->log_frames() >= 16 * options_.wal_autocheckpoint;
  const auto result = database_->checkpoint(long_log);
  // After a failed fsync the kernel may forget pages that it could not write; trying again would call them safe.
  if (result.code == SQLITE_IOERR_FSYNC)
    outcome_unknown(database_->error_of(result.code, "move the log into the main file").message);
  // Readers can keep it from finishing. Any other trouble is tried again when the log has grown by as much once more.
  const bool worked = result.code == SQLITE_OK || result.code == SQLITE_BUSY;
  frames_done_ = worked ? std::clamp(result.done, 0, database_->log_frames()) : database_->log_frames();
  std::lock_guard lock(mutex_);
  ++stats_.checkpoints;
  if (!worked) ++stats_.failed_checkpoints;
  stats_.longest_checkpoint = std::max(stats_.longest_checkpoint, since(start));
  stats_.log_frames = database_->log_frames();
}

void SqliteWriter::outcome_unknown(const std::string& message) {
  const auto sentence = "mayfly stops: nobody can tell what of its last transaction is on the disk: " + message;
  if (options_.on_unknown_commit) options_.on_unknown_commit(sentence);
  else std::fprintf(stderr, "%s\n", sentence.c_str());
  std::abort();
}

}  // namespace mayfly
