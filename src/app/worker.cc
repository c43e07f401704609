#include "app/worker.h"

#include "app/cleanup_tree.h"
#include "app/deletion.h"
#include "app/ids.h"
#include "base/failpoint.h"

namespace mayfly {

namespace {

template <class Piece>
const ResourceId& resource_of(const Piece& piece) {
  const auto* task = std::get_if<Task>(&piece);
  return task ? task->resource : std::get<Sandbox>(piece).resource.id;
}

template <class Piece>
Lane queue_of(const Piece& piece) {
  const auto* task = std::get_if<Task>(&piece);
  return task ? lane_of(task->verb) : lane_of(std::get<Sandbox>(piece));
}

/// Due first of the two; a tie goes to cleanup.
bool earlier(const std::vector<Task>& tasks, const std::vector<Sandbox>& sandboxes) {
  if (tasks.empty() || sandboxes.empty()) return !tasks.empty();
  return tasks.front().work.next_attempt_at <= sandboxes.front().work.next_attempt_at;
}

/// The same commit, and its own refusal in `refused`, to be told from one by the store.
Result<Commit> noting(const Result<Commit>& outcome, std::optional<Error>& refused) {
  if (!outcome) return outcome;
  return Commit([commit = *outcome, &refused](Transaction& t) {
    auto done = commit(t);
    if (!done) refused = done.error();
    // Only an effect may find a thing absent; a row that is missing is no success.
    if (refused && refused->code == Code::not_found) refused->code = Code::internal;
    return done;
  });
}

}  // namespace

Result<std::optional<Time>> Worker::run_once(Lane lane) {
  const auto recorded = record_kept();
  for (;;) {
    Piece piece = TRY(claim(lane));
    if (std::holds_alternative<std::monostate>(piece)) break;
    claimed(lane);
    while (!std::holds_alternative<std::monostate>(piece)) piece = TRY(perform_and_record(std::move(piece)));
  }
  return store_.read([&](Transaction& t) -> Result<std::optional<Time>> {
    const auto task = TRY(t.tasks().next_attempt(lane));
    const auto sandbox = TRY(t.sandboxes().next_attempt(lane));
    auto next = task && sandbox ? std::min(task, sandbox) : task ? task : sandbox;
    // What could not be recorded yet is tried again soon, and holds nobody else up.
    if (!recorded && (!next || *next > t.now() + 1s)) next = t.now() + 1s;
    return next;
  });
}

Result<Worker::Piece> Worker::claim(Lane lane) {
  // Most looks find nothing: they must not cost a commit.
  const bool any = TRY(store_.read([&](Transaction& t) -> Result<bool> {
    return !TRY(t.tasks().claimable(lane, t.now(), 1)).empty() ||
           !TRY(t.sandboxes().claimable(lane, t.now(), 1)).empty();
  }));
  if (!any) return Piece();
  return store_.write([&](Transaction& t) -> Result<Piece> {
    auto tasks = TRY(t.tasks().claimable(lane, t.now(), 1));
    auto sandboxes = TRY(t.sandboxes().claimable(lane, t.now(), 1));
    if (tasks.empty() && sandboxes.empty()) return Piece();
    if (earlier(tasks, sandboxes)) {
      TRY(take(t, tasks.front()));
      return Piece(std::move(tasks.front()));
    }
    TRY(take(t, sandboxes.front()));
    return Piece(std::move(sandboxes.front()));
  });
}

Status Worker::take(Transaction& t, Task& task) {
  task.work.claim = installation_.epoch;
  task.work.attempts += 1;
  task.phase = Phase::running;
  if (!task.started_at) task.started_at = t.now();
  return t.tasks().update(task);
}

Status Worker::take(Transaction& t, Sandbox& sandbox) {
  sandbox.work.claim = installation_.epoch;
  sandbox.work.attempts += 1;
  if (sandbox.resource.state == State::requested)
    set_state(sandbox, TRY(lifecycle::next(sandbox.resource.state, lifecycle::Move::begin_start)));
  if (sandbox.resource.state == State::starting) {
    // What an archive permitted to destroy may be written to again from here on.
    TRY(t.archives().drop_permit(layer_of(sandbox, installation_)));
  }
  return t.sandboxes().update(sandbox);
}

Result<Worker::Piece> Worker::perform_and_record(Piece piece) {
  const ResourceId id = resource_of(piece);
  const bool ours = locks_.try_lock(uid_of(id));
  Result<Commit> outcome = [&]() -> Result<Commit> {
    if (!ours) return fail(Code::busy, "another effect on " + id.text + " has not ended yet", "in_flight");
    if (const auto* task = std::get_if<Task>(&piece)) return steps_.perform(*task);
    return transitions_.perform(std::get<Sandbox>(piece));
  }();
  // Freed before the record, because the record may hand us the next step of the same uid.
  if (ours) locks_.unlock(uid_of(id));
  FAILPOINT("worker.before_record");
  auto next = record_or_keep(std::move(piece), std::move(outcome));
  FAILPOINT("worker.after_record");
  return next;
}

Result<Worker::Piece> Worker::record_or_keep(Piece piece, Result<Commit> outcome) {
  std::optional<Error> refused;
  const auto write = [&](const Result<Commit>& what) {
    const auto* task = std::get_if<Task>(&piece);
    return task ? record(*task, noting(what, refused)) : record(std::get<Sandbox>(piece), noting(what, refused));
  };
  auto next = write(outcome);
  // What the record itself found (a state that moved on, an archive taken away) is an outcome of its own.
  if (!next && refused) next = write(tl::unexpected(*refused));
  if (!next) {
    std::lock_guard guard(kept_mutex_);
    kept_.push_back({std::move(piece), std::move(outcome)});
  }
  return next;
}

Status Worker::record_kept() {
  std::vector<Unrecorded> kept;
  {
    std::lock_guard guard(kept_mutex_);
    kept.swap(kept_);
  }
  Status done;
  for (auto& one : kept) {
    // The step that it may hand on is claimed by us: it goes the same way.
    const Lane lane = queue_of(one.piece);
    auto next = record_or_keep(std::move(one.piece), std::move(one.outcome));
    // Its own lane may have looked while it was in nobody's queue, and gone to sleep without an hour to wake.
    claimed(lane);
    while (next && !std::holds_alternative<std::monostate>(*next)) next = perform_and_record(std::move(*next));
    if (!next) done = tl::unexpected(next.error());
  }
  return done;
}

Result<Worker::Piece> Worker::record(const Task& task, const Result<Commit>& outcome) {
  return store_.write([&](Transaction& t) -> Result<Piece> {
    Task row = TRY(t.tasks().get(task.id));
    if (row.work.claim != installation_.epoch || row.phase != Phase::running) {
      ++counters.zombies;
      return Piece();
    }
    if (outcome) TRY((*outcome)(t));
    const Status status = outcome ? Status() : Status(tl::unexpected(outcome.error()));
    row = cleanup::record(std::move(row), status, t.now(), unit_interval(random_));
    ++(row.phase == Phase::completed ? counters.done : row.phase == Phase::failed ? counters.failed : counters.retried);
    TRY(cleanup_tree::settle(t, random_, row));
    if (row.phase != Phase::completed) return Piece();
    return next_of_tree(t, row);
  });
}

/// The stage that this completion released, taken in the same commit when it is one step for the same lane. A step
/// that is nothing but a record is recorded here and now.
Result<Worker::Piece> Worker::next_of_tree(Transaction& t, const Task& done) {
  const auto stage = TRY(t.tasks().open_stage(done.parent));
  if (!stage || *stage == done.stage) return Piece();
  for (auto& sibling : TRY(t.tasks().open_children(done.parent, *stage, 1))) {
    if (sibling.phase != Phase::ready || lane_of(sibling.verb) != lane_of(done.verb)) continue;
    TRY(take(t, sibling));
    const auto only = steps_.record_only(sibling);
    if (!only) return Piece(std::move(sibling));
    TRY(only(t));
    const auto recorded = cleanup::record(std::move(sibling), Status(), t.now(), 0);
    ++counters.done;
    TRY(cleanup_tree::settle(t, random_, recorded));
    return next_of_tree(t, recorded);
  }
  return Piece();
}

Result<Worker::Piece> Worker::record(const Sandbox& sandbox, const Result<Commit>& outcome) {
  return store_.write([&](Transaction& t) -> Result<Piece> {
    Sandbox row = TRY(t.sandboxes().get(sandbox.resource.id));
    const bool still_ours = row.work.claim == installation_.epoch && row.resource.state == sandbox.resource.state &&
                            row.resource.generation == sandbox.resource.generation &&
                            row.resource.updated_at == sandbox.resource.updated_at;
    if (!still_ours) {
      ++counters.zombies;
      return Piece();
    }
    if (outcome) {
      ++counters.done;
      TRY((*outcome)(t));
    } else {
      ++counters.retried;
      TRY(transitions_.failed(t, std::move(row), outcome.error()));
    }
    return Piece();
  });
}

}  // namespace mayfly
