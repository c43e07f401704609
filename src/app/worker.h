#pragma once
// Claims pieces of work, carries them out, writes what came of them. A piece is a cleanup step that is ready, or a
// sandbox in a transitional state. The claim carries our epoch, and the result is written only where the claim still
// does: a result that finds its row changed is a zombie's, and is dropped.
//
// Quick work goes in batches: one commit records what was done and claims what comes next. Slow work does not: what a
// thread has claimed and not begun is taken by whichever thread of the lane is free, and a result waits for no other
// for longer than a few milliseconds.

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <variant>

#include "app/dispatcher.h"
#include "app/effects.h"
#include "app/transitions.h"
#include "app/uid_locks.h"

namespace mayfly {

struct WorkCounters {
  std::atomic<std::uint64_t> done{0}, failed{0}, retried{0}, zombies{0};
};

class Worker {
 public:
  Worker(Store& store, Effects& effects, Transitions& transitions, Dispatcher& dispatcher, UidLocks& locks,
         Random& random, const Clock& clock, const Installation& installation)
      : store_(store), effects_(effects), transitions_(transitions), dispatcher_(dispatcher), locks_(locks),
        random_(random), clock_(clock), installation_(installation) {}

  /// Called when something was claimed, or is back in its queue: there may be more, for a thread that sleeps.
  std::function<void(Lane)> claimed = [](Lane) {};

  /// Works until nothing of that lane may begin, then tells when something may. Any number of threads may do so.
  Result<std::optional<Time>> run_once(Lane lane);

  WorkCounters counters;

 private:
  using Piece = std::variant<Task, Sandbox>;
  using Pieces = std::vector<Piece>;

  /// An effect that has ended. Its claim stands until it is recorded.
  struct Done {
    Piece piece;
    Result<Commit> outcome;
    Time began{}, ended{};
  };
  struct Tally {
    std::uint64_t done = 0, failed = 0, retried = 0, zombies = 0;
  };
  struct Claimed {
    std::deque<Piece> pieces;        // by us, and not begun
    std::size_t batch = 1;           // how many are claimed at a time
    bool sandboxes_first = true;     // where only one can be claimed
  };

  Result<std::optional<Time>> rest_or_claim(Lane lane, bool& more);
  Result<Pieces> take_more(Transaction& t, Lane lane, std::size_t room);
  Result<Pieces> take_sandboxes(Transaction& t, Lane lane, std::size_t room);
  Status take(Transaction& t, Task& task);
  Status take(Transaction& t, Sandbox& sandbox);

  Done perform(Piece piece);
  Status flush(Lane lane, std::vector<Done>& done);
  Result<Pieces> record_all(Lane lane, std::span<Done> done, std::optional<Error>& refused);
  Status record_or_keep(Done done);
  Status record_kept();
  Result<Pieces> record(Transaction& t, const Done& done, const Result<Commit>& outcome, Tally& tally);
  Result<Pieces> record(Transaction& t, const Task& task, const Done& done, const Result<Commit>& outcome,
                        Tally& tally);
  Result<Pieces> record(Transaction& t, const Sandbox& sandbox, const Result<Commit>& outcome, Tally& tally);
  Status note_attempt(Transaction& t, const Task& row, const Done& done);
  Result<Pieces> next_of_tree(Transaction& t, const Task& done, Tally& tally);

  std::optional<Piece> pop(Lane lane);
  void hand_out(Pieces pieces, bool perhaps_more = false);
  void adapt(Lane lane, std::size_t done, Duration took);
  std::size_t batch_of(Lane lane);
  void count(const Tally& tally);
  Claimed& of(Lane lane) { return claimed_[lane == Lane::fast ? 0 : 1]; }

  Store& store_;
  Effects& effects_;
  Transitions& transitions_;
  Dispatcher& dispatcher_;
  UidLocks& locks_;
  Random& random_;
  const Clock& clock_;
  const Installation& installation_;
  std::mutex mutex_;
  std::array<Claimed, 2> claimed_;   // by lane
  std::vector<Done> kept_;           // whose record the store has refused so far (a full disk)
};

}  // namespace mayfly
