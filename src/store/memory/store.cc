#include "store/memory/store.h"

#include "store/guard.h"
#include "store/memory/list_table.h"

namespace mayfly {

class MemoryStore::MemoryTransaction : public Transaction {
 public:
  MemoryTransaction(memory::Draft& draft, Moment moment)
      : moment_(moment), sandboxes_(draft), lifetimes_(draft), tasks_(draft), events_(draft), archives_(draft),
        images_(draft), identities_(draft), settings_(draft), idempotency_(draft), volumes_(draft), usage_(draft),
        lists_(draft) {}

  Moment moment() const override { return moment_; }
  SandboxTable& sandboxes() override { return sandboxes_; }
  LifetimeTable& lifetimes() override { return lifetimes_; }
  TaskTable& tasks() override { return tasks_; }
  EventTable& events() override { return events_; }
  ArchiveTable& archives() override { return archives_; }
  ImageTable& images() override { return images_; }
  IdentityTable& identities() override { return identities_; }
  SettingTable& settings() override { return settings_; }
  IdempotencyTable& idempotency() override { return idempotency_; }
  VolumeTable& volumes() override { return volumes_; }
  UsageTable& usage() override { return usage_; }
  ListTable& lists() override { return lists_; }

 private:
  Moment moment_;
  memory::MemorySandboxTable sandboxes_;
  memory::MemoryLifetimeTable lifetimes_;
  memory::MemoryTaskTable tasks_;
  memory::MemoryEventTable events_;
  memory::MemoryArchiveTable archives_;
  memory::MemoryImageTable images_;
  memory::MemoryIdentityTable identities_;
  memory::MemorySettingTable settings_;
  memory::MemoryIdempotencyTable idempotency_;
  memory::MemoryVolumeTable volumes_;
  memory::MemoryUsageTable usage_;
  memory::MemoryListTable lists_;
};

MemoryStore::MemoryStore(const Clock& clock) : moments_(clock) {}

/// One transaction under the lock; throws SimulatedCrash when its fate is to be cut off.
Status MemoryStore::run(const Closure& closure, Wakes& wakes) {
  memory::Draft draft(rows_, memory::Draft::writes);
  MemoryTransaction transaction(draft, moments_.next());
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
  MemoryTransaction transaction(draft, moments_.next());
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
