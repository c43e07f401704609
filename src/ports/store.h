#pragma once
// The database decides. Everything that was promised is a row changed in a transaction that checked its own condition.

#include <functional>
#include <future>
#include <memory>
#include <optional>

#include "ports/forest_tables.h"
#include "ports/list_table.h"
#include "ports/tables.h"

namespace mayfly {

/// What a committed transaction gave to do. Hints: they can be lost at any instruction and follow from rows again.
struct Wakes {
  bool fast_work = false;
  bool slow_work = false;
  std::optional<Time> deadline;                 // one may be due as early as this
  std::vector<ResourceId> settled;              // left a transitional state, or was deleted: parked callers look again

  void work(Lane lane) { (lane == Lane::fast ? fast_work : slow_work) = true; }
  void deadline_at(std::optional<Time> at) {
    if (at && (!deadline || *at < *deadline)) deadline = at;
  }
  void merge(const Wakes& other);
};

class Transaction {
 public:
  virtual ~Transaction() = default;

  /// Sampled after the transaction began, and later by at least a microsecond than the one before it.
  virtual Moment moment() const = 0;
  Time now() const { return moment().now; }

  virtual SandboxTable& sandboxes() = 0;
  virtual LifetimeTable& lifetimes() = 0;
  virtual TaskTable& tasks() = 0;
  virtual CleanupRecordTable& cleanup_records() = 0;
  virtual EventTable& events() = 0;
  virtual ArchiveTable& archives() = 0;
  virtual VolumeTable& volumes() = 0;
  virtual RuntimeTable& runtimes() = 0;
  virtual UsageTable& usage() = 0;
  virtual ImageTable& images() = 0;
  virtual IdentityTable& identities() = 0;
  virtual SettingTable& settings() = 0;
  virtual IdempotencyTable& idempotency() = 0;
  virtual ListTable& lists() = 0;
  virtual ResourceTable& resources() = 0;
  virtual RecordTable& records() = 0;
  virtual TrashTable& trash() = 0;
  virtual HoldTable& holds() = 0;

  std::uint16_t ids_made = 0;                   // in this transaction: ids sort in the order they were made
  Wakes wakes;                                  // delivered to the store's listener after the commit
};

class Store {
 public:
  virtual ~Store() = default;

  /// A closure touches only its transaction and may be run again from the start: after a conflict, or when another one
  /// of its group broke the group. An error from it undoes its own changes and nobody else's.
  using Closure = std::function<Status(Transaction&)>;
  using Then = std::function<void(Status)>;

  /// Queues the closure; `then` runs once, on a thread of the store, after its changes are durable or refused. Every
  /// answer waits for the commit, refusals included: they may have read another's uncommitted row. Only what cannot be
  /// queued is refused at once, on the caller's thread.
  virtual void submit(Closure closure, Then then) = 0;

  /// A snapshot; changes nothing.
  virtual Status view(const Closure& closure) = 0;

  /// Who is told of the wakes of each commit; set once, before the first write.
  virtual void on_commit(std::function<void(const Wakes&)> listener) = 0;

  /// submit and wait: `auto id = TRY(store.write([&](Transaction& t) -> Result<TaskId> {...}));`
  template <class Body>
  auto write(Body body) -> decltype(body(std::declval<Transaction&>())) {
    using Answer = decltype(body(std::declval<Transaction&>()));
    std::optional<Answer> answer;
    std::promise<Status> done;
    submit(keep(answer, body), [&done](Status status) { done.set_value(std::move(status)); });
    return settle<Answer>(done.get_future().get(), answer);
  }

  template <class Body>
  auto read(Body body) -> decltype(body(std::declval<Transaction&>())) {
    using Answer = decltype(body(std::declval<Transaction&>()));
    std::optional<Answer> answer;
    return settle<Answer>(view(keep(answer, body)), answer);
  }

 private:
  template <class Answer, class Body>
  static Closure keep(std::optional<Answer>& answer, Body& body) {
    return [&answer, &body](Transaction& t) -> Status {
      answer.emplace(body(t));
      return *answer ? Status() : Status(tl::unexpected(answer->error()));
    };
  }
  template <class Answer>
  static Answer settle(Status status, std::optional<Answer>& answer) {
    if (!status) return tl::unexpected(std::move(status).error());
    return std::move(*answer);
  }
};

}  // namespace mayfly
