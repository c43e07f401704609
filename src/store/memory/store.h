#pragma once
// The store in maps: the specification that the other one is held against, and what the simulator runs on.

#include <mutex>

#include "ports/clock.h"
#include "ports/store.h"
#include "store/memory/rows.h"
#include "store/moments.h"

namespace mayfly {

/// Thrown out of submit where a process would have died.
struct SimulatedCrash {};

/// What becomes of a commit.
struct Fate {
  enum What { commit, refuse, crash_before, crash_after };
  What what = commit;
  Error error;               // of a refusal
};

class MemoryStore : public Store {
 public:
  explicit MemoryStore(const Clock& clock);

  /// Runs the closure and answers before it returns, on the caller's thread. A crash is thrown instead of an answer:
  /// crash_before leaves nothing of the closure, crash_after all of it.
  void submit(Closure closure, Then then) override;
  Status view(const Closure& closure) override;
  void on_commit(std::function<void(const Wakes&)> listener) override;

  /// Asked once for every submitted closure, when it has run; refusals wait for a commit too.
  void before_commit(std::function<Fate()> decide);

  /// Everything committed, and nothing else: what is there after a crash. Restoring turns back no moment.
  memory::Rows snapshot() const;
  void restore(memory::Rows rows);

 private:
  Status run(const Closure& closure, Wakes& wakes);

  mutable std::mutex mutex_;
  Moments moments_;
  memory::Rows rows_;
  std::function<void(const Wakes&)> listener_;
  std::function<Fate()> decide_;
};

}  // namespace mayfly
