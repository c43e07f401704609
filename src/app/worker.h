#pragma once
// Claims one piece of work, carries it out, writes what came of it. A piece is a cleanup step that is ready, or a
// sandbox in a transitional state. The claim carries our epoch, and the result is written only where the claim still
// does: a result that finds its row changed is a zombie's, and is dropped.

#include <atomic>
#include <functional>
#include <mutex>
#include <variant>

#include "app/transitions.h"
#include "app/uid_locks.h"

namespace mayfly {

struct WorkCounters {
  std::atomic<std::uint64_t> done{0}, failed{0}, retried{0}, zombies{0};
};

class Worker {
 public:
  Worker(Store& store, Steps& steps, Transitions& transitions, UidLocks& locks, Random& random,
         const Installation& installation)
      : store_(store), steps_(steps), transitions_(transitions), locks_(locks), random_(random),
        installation_(installation) {}

  /// Called when something was claimed, or is back in its queue: there may be more, for a thread that sleeps.
  std::function<void(Lane)> claimed = [](Lane) {};

  /// Works until nothing of that lane is due, then tells when something will be. Any number of threads may do so.
  Result<std::optional<Time>> run_once(Lane lane);

  WorkCounters counters;

 private:
  using Piece = std::variant<std::monostate, Task, Sandbox>;

  /// An effect that has ended and whose record the store has refused so far (a full disk): its claim stands until then.
  struct Unrecorded {
    Piece piece;
    Result<Commit> outcome;
  };

  Result<Piece> claim(Lane lane);
  Result<Piece> perform_and_record(Piece piece);
  Result<Piece> record_or_keep(Piece piece, Result<Commit> outcome);
  Status record_kept();
  Result<Piece> record(const Task& task, const Result<Commit>& outcome);
  Result<Piece> record(const Sandbox& sandbox, const Result<Commit>& outcome);
  Status take(Transaction& t, Task& task);
  Status take(Transaction& t, Sandbox& sandbox);
  Result<Piece> next_of_tree(Transaction& t, const Task& done);

  Store& store_;
  Steps& steps_;
  Transitions& transitions_;
  UidLocks& locks_;
  Random& random_;
  const Installation& installation_;
  std::mutex kept_mutex_;
  std::vector<Unrecorded> kept_;
};

}  // namespace mayfly
