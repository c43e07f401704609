#include "store/memory/store.h"

#include "store/guard.h"
#include "store/memory/transaction.h"

namespace mayfly {

MemoryStore::MemoryStore(const Clock& clock) : moments_(clock) {}

/// One transaction under the lock; throws SimulatedCrash when its fate is to be cut off.
Status MemoryStore::run(const Closure& closure, Wakes& wakes) {
  memory::Draft draft(rows_, memory::Draft::writes);
  memory::MemoryTransaction transaction(draft, moments_.next());
  auto status = run_guarded(closure, transaction);
  if (!status) draft.undo();

  const Fate fate = decide_ ? decide_() : Fate{};
  if (fate.what == Fate::refuse) status = tl::unexpected(fate.error);
  if (!status || fate.what == Fate::crash_before) draft.undo();
  if (fate.what == Fate::crash_before || fate.what == Fate::crash_after) throw SimulatedCrash{};
  if (status) wakes = std::move(transaction.wakes);
  return status;
}

void MemoryStore::submit(Closure closure, Then then) {
  Wakes wakes;
  Status status;
  std::function<void(const Wakes&)> listener;
  {
    std::lock_guard lock(mutex_);
    status = run(closure, wakes);
    listener = listener_;
  }
  // Outside of the lock: both may come back with work of their own.
  then(std::move(status));
  if (listener && says_something(wakes)) listener(wakes);
}

Status MemoryStore::view(const Closure& closure) {
  std::lock_guard lock(mutex_);
  memory::Draft draft(rows_, memory::Draft::reads);
  memory::MemoryTransaction transaction(draft, moments_.next());
  return run_guarded(closure, transaction);
}

void MemoryStore::on_commit(std::function<void(const Wakes&)> listener) {
  std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

void MemoryStore::before_commit(std::function<Fate()> decide) {
  std::lock_guard lock(mutex_);
  decide_ = std::move(decide);
}

memory::Rows MemoryStore::snapshot() const {
  std::lock_guard lock(mutex_);
  return rows_;
}

void MemoryStore::restore(memory::Rows rows) {
  std::lock_guard lock(mutex_);
  rows_ = std::move(rows);
}

}  // namespace mayfly
