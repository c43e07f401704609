#pragma once
// What people do about deletes that are under way: look closely, hold them up, let go of a step, or of the rest.

#include <condition_variable>
#include <memory>

#include "app/dispatcher.h"
#include "core/caller.h"
#include "core/cleanup_record.h"

namespace mayfly {

/// How far a tree is, and what keeps it.
struct CleanupProgress {
  std::int64_t total = 0, done = 0, failed = 0, running = 0, waiting = 0;
  std::optional<Time> oldest_open;            // since when its oldest unfinished task stands there
  std::vector<std::string> blocked_by;        // sentences, a few of them; empty: nothing does
};

/// News of a tree while it is at work. Any thread may cancel a wait.
class CleanupNews;

class CleanupControl {
 public:
  CleanupControl(Store& store, const Dispatcher& dispatcher, Random& random, const Clock& clock)
      : store_(store), dispatcher_(dispatcher), random_(random), clock_(clock) {}

  /// Nothing more of it begins, and it ends as failed, "cancelled"; what is left stays as it is until somebody retries
  /// it. conflict: it has ended, or its files are being destroyed already (past_no_return). For admins.
  Result<Task> cancel(const Caller& caller, const TaskId& id);
  /// It counts as done, and an orphan record says that it was not. For admins.
  Result<Task> skip(const Caller& caller, const TaskId& id, const std::string& reason);
  /// The last twenty, the oldest first; of one that succeeded at once, that one.
  Result<std::vector<Attempt>> attempts(const Caller& caller, const TaskId& id);
  Result<CleanupProgress> progress(const Caller& caller, const TaskId& id);
  /// The task and all below it, as they change from now on.
  Result<std::unique_ptr<CleanupNews>> follow(const Caller& caller, const TaskId& id);

  /// A part of the work; neither: all of it.
  struct Scope {
    std::string workspace = {};               // id or slug
    std::optional<Kind> kind = {};
  };
  /// Nothing of it begins from now on, restarts included; who is at work ends. Again replaces the reason. For admins.
  Result<Pause> pause(const Caller& caller, const Scope& scope, const std::string& reason);
  /// not_found: it was not paused. What the blast-radius breaker stopped goes on to its end. For admins.
  Result<Pause> resume(const Caller& caller, const Scope& scope);
  /// Those that hold up the caller's workspace; admins see all.
  Result<std::vector<Pause>> pauses(const Caller& caller);
  std::vector<Dispatcher::PartState> parts() const { return dispatcher_.parts(); }

  /// Forgets trees that completed longer ago than that, a bounded part of them. False: there was no more.
  Result<bool> purge_once(Duration keep);

 private:
  Result<Task> visible(Transaction& t, const Caller& caller, const TaskId& id) const;
  Result<Pause> scoped(Transaction& t, const Caller& caller, const Scope& scope) const;
  Status told(Transaction& t, const Caller& caller, const std::string& type, const Task& task,
              std::map<std::string, std::string> data);
  Result<CleanupProgress> progress_of(Transaction& t, const Task& task) const;

  friend class CleanupNews;
  Store& store_;
  const Dispatcher& dispatcher_;
  Random& random_;
  const Clock& clock_;
};

class CleanupNews {
 public:
  struct Look {
    std::vector<Task> changed;                // parents before their children
    CleanupProgress progress;
    bool ended = false;                       // the task has; nothing more will come
    bool cancelled = false;                   // the wait was
  };
  CleanupNews(CleanupControl& control, Task task) : control_(control), task_(std::move(task)) {}

  /// Waits until something has changed, or `patience` has passed: then `changed` is empty.
  Result<Look> next(Duration patience);
  void cancel();

 private:
  Result<Look> look();

  CleanupControl& control_;
  const Task task_;
  std::map<TaskId, std::pair<Phase, int>> seen_;
  std::optional<std::vector<std::int64_t>> counts_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool cancelled_ = false;
};

}  // namespace mayfly
