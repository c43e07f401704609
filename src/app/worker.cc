#include "app/worker.h"

#include <algorithm>

#include "app/cleanup_tree.h"
#include "app/deletion.h"
#include "app/ids.h"
#include "base/failpoint.h"

namespace mayfly {

namespace {

// A commit carries so much at most: it stays within a few milliseconds, and others wait for it no longer than that.
constexpr std::size_t largest_batch = 128;
// A result waits for others to share its commit with no longer than this.
constexpr Duration longest_batch = 2ms;
// What a look has found and somebody else has taken, or what could not be recorded, is looked for again soon.
constexpr Duration look_again = 10ms;

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

template <class Pieces>
void append(Pieces& to, Pieces from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

Status status_of(const Result<Commit>& outcome) {
  return outcome ? Status() : Status(tl::unexpected(outcome.error()));
}

}  // namespace

Result<std::optional<Time>> Worker::run_once(Lane lane) {
  const auto recorded = record_kept();
  std::vector<Done> done;
  Duration spent{};
  for (;;) {
    auto piece = pop(lane);
    if (piece) {
      done.push_back(perform(std::move(*piece)));
      spent += done.back().ended - done.back().began;
      if (done.size() < batch_of(lane) && spent < longest_batch) continue;
    }
    if (!done.empty()) {
      adapt(lane, done.size(), spent);
      spent = {};
      TRY(flush(lane, done));
      continue;
    }
    bool more = false;
    auto next = TRY(rest_or_claim(lane, more));
    if (more) continue;
    // What could not be recorded yet is tried again soon, and holds nobody else up.
    const auto soon = clock_.now() + 1s;
    if (!recorded && (!next || *next > soon)) next = soon;
    return next;
  }
}

/// Most looks find nothing: they must not cost a commit.
Result<std::optional<Time>> Worker::rest_or_claim(Lane lane, bool& more) {
  struct Look {
    bool any = false;
    std::optional<Time> next;
  };
  const auto look = TRY(store_.read([&](Transaction& t) -> Result<Look> {
    const auto tasks = TRY(dispatcher_.look(t, lane));
    const bool sandboxes = !TRY(t.sandboxes().claimable(lane, t.now(), 1)).empty();
    if (tasks.any || sandboxes) return Look{true, {}};
    const auto sandbox = TRY(t.sandboxes().next_attempt(lane));
    return Look{false, tasks.next && sandbox ? std::min(tasks.next, sandbox) : tasks.next ? tasks.next : sandbox};
  }));
  if (!look.any) return look.next;
  auto pieces = TRY(store_.write([&](Transaction& t) { return take_more(t, lane, batch_of(lane)); }));
  FAILPOINT("worker.after_claim");
  more = !pieces.empty();
  hand_out(std::move(pieces), true);
  return std::optional(clock_.now() + look_again);
}

/// Cleanup and sandboxes that start, stop or pause share what is claimed, so that neither waits for the other's crowd.
Result<Worker::Pieces> Worker::take_more(Transaction& t, Lane lane, std::size_t room) {
  bool sandboxes_first = false;
  {
    std::lock_guard guard(mutex_);
    sandboxes_first = of(lane).sandboxes_first = !of(lane).sandboxes_first;
  }
  Pieces pieces;
  const auto for_sandboxes = room > 1 ? room / 2 : sandboxes_first ? 1 : 0;
  if (for_sandboxes > 0) append(pieces, TRY(take_sandboxes(t, lane, for_sandboxes)));
  for (auto& task : TRY(dispatcher_.choose(t, lane, room - pieces.size(), [&](Task& task) { return take(t, task); })))
    pieces.emplace_back(std::move(task));
  if (pieces.size() < room) append(pieces, TRY(take_sandboxes(t, lane, room - pieces.size())));
  return pieces;
}

Result<Worker::Pieces> Worker::take_sandboxes(Transaction& t, Lane lane, std::size_t room) {
  Pieces pieces;
  for (auto& sandbox : TRY(t.sandboxes().claimable(lane, t.now(), room))) {
    TRY(take(t, sandbox));
    pieces.emplace_back(std::move(sandbox));
  }
  return pieces;
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

Worker::Done Worker::perform(Piece piece) {
  const ResourceId id = resource_of(piece);
  const auto* task = std::get_if<Task>(&piece);
  const auto began = clock_.now();
  const bool ours = locks_.try_lock(uid_of(id));
  if (ours && task) dispatcher_.began(*task, began);
  Result<Commit> outcome = [&]() -> Result<Commit> {
    if (!ours) return fail(Code::busy, "another effect on " + id.text + " has not ended yet", "in_flight");
    if (task) return effects_.perform(*task);
    return transitions_.perform(std::get<Sandbox>(piece));
  }();
  // Freed before the record, because the record may hand us the next step of the same uid.
  if (ours) locks_.unlock(uid_of(id));
  const auto ended = clock_.now();
  if (ours && task) dispatcher_.ended(*task, status_of(outcome), ended);
  return {std::move(piece), std::move(outcome), began, ended};
}

/// Records what was done and claims what comes next. Where a record of the batch finds that it cannot stand, each is
/// recorded by itself.
Status Worker::flush(Lane lane, std::vector<Done>& done) {
  FAILPOINT("worker.before_record");
  auto batch = std::exchange(done, {});
  std::optional<Error> refused;
  auto next = record_all(lane, batch, refused);
  if (next) {
    hand_out(std::move(*next));
  } else if (refused) {
    Status all;
    for (auto& one : batch)
      if (auto recorded = record_or_keep(std::move(one)); !recorded) all = std::move(recorded);
    TRY(all);
  } else {
    std::lock_guard guard(mutex_);
    std::move(batch.begin(), batch.end(), std::back_inserter(kept_));
  }
  FAILPOINT("worker.after_record");
  if (!next && !refused) return tl::unexpected(next.error());
  // Who waits for a cap is in whichever lane.
  if (dispatcher_.rules().caps.any())
    for (const auto each : {Lane::fast, Lane::slow}) claimed(each);
  return {};
}

Result<Worker::Pieces> Worker::record_all(Lane lane, std::span<Done> done, std::optional<Error>& refused) {
  Tally tally;
  auto next = store_.write([&](Transaction& t) -> Result<Pieces> {
    tally = {};
    refused.reset();
    Pieces pieces;
    for (const auto& one : done) append(pieces, TRY(record(t, one, noting(one.outcome, refused), tally)));
    const auto room = batch_of(lane);
    if (pieces.size() < room) append(pieces, TRY(take_more(t, lane, room - pieces.size())));
    return pieces;
  });
  if (next) count(tally);
  return next;
}

Status Worker::record_or_keep(Done done) {
  std::optional<Error> refused;
  Tally tally;
  const auto write = [&](const Result<Commit>& what) {
    return store_.write([&](Transaction& t) {
      tally = {};
      return record(t, done, what, tally);
    });
  };
  auto next = write(noting(done.outcome, refused));
  // What the record itself found (a state that moved on, an archive taken away) is an outcome of its own.
  if (!next && refused) {
    const Error own = *refused;
    next = write(tl::unexpected(own));
  }
  if (next) {
    count(tally);
    hand_out(std::move(*next));
    return {};
  }
  std::lock_guard guard(mutex_);
  kept_.push_back(std::move(done));
  return tl::unexpected(next.error());
}

Status Worker::record_kept() {
  std::vector<Done> kept;
  {
    std::lock_guard guard(mutex_);
    kept.swap(kept_);
  }
  Status all;
  for (auto& one : kept) {
    const Lane lane = queue_of(one.piece);
    auto recorded = record_or_keep(std::move(one));
    // Its own lane may have looked while it was in nobody's queue, and gone to sleep without an hour to wake.
    claimed(lane);
    if (!recorded) all = std::move(recorded);
  }
  return all;
}

Result<Worker::Pieces> Worker::record(Transaction& t, const Done& done, const Result<Commit>& outcome, Tally& tally) {
  if (const auto* task = std::get_if<Task>(&done.piece)) return record(t, *task, done, outcome, tally);
  return record(t, std::get<Sandbox>(done.piece), outcome, tally);
}

Result<Worker::Pieces> Worker::record(Transaction& t, const Task& task, const Done& done, const Result<Commit>& outcome,
                                      Tally& tally) {
  Task row = TRY(t.tasks().get(task.id));
  // The epoch tells lives apart, and the number of the attempt the claims of one life.
  const bool still_ours = row.work.claim == installation_.epoch && row.phase == Phase::running &&
                          row.work.attempts == task.work.attempts;
  if (!still_ours) {
    ++tally.zombies;
    return Pieces();
  }
  if (outcome) TRY((*outcome)(t));
  row = cleanup::record(std::move(row), status_of(outcome), t.now(), unit_interval(random_));
  ++(row.phase == Phase::completed ? tally.done : row.phase == Phase::failed ? tally.failed : tally.retried);
  TRY(note_attempt(t, row, done));
  TRY(cleanup_tree::settle(t, random_, row));
  if (row.phase != Phase::completed) return Pieces();
  return next_of_tree(t, row, tally);
}

/// One that succeeded at once is told by its own row.
Status Worker::note_attempt(Transaction& t, const Task& row, const Done& done) {
  const bool at_once = row.phase == Phase::completed && row.work.attempts == 1 && !row.metadata.contains("retries");
  if (at_once) return {};
  return t.cleanup_records().add_attempt(
      {row.id, 0, done.began, std::max(done.began, done.ended), row.work.error_code, row.work.last_error});
}

/// The stage that this completion released, taken in the same commit when it is one step for the same lane. A step
/// that is nothing but a record is recorded here and now.
Result<Worker::Pieces> Worker::next_of_tree(Transaction& t, const Task& done, Tally& tally) {
  if (!done.parent) return Pieces();
  const auto open = TRY(t.tasks().open_stage(done.parent));
  if (!open || open->stage <= done.stage) return Pieces();
  for (auto& next : TRY(t.tasks().children_in(done.parent, open->stage, TaskStatus::pending, 1))) {
    if (next.phase != Phase::ready || lane_of(next.verb) != lane_of(done.verb)) continue;
    if (!TRY(dispatcher_.may_go_on(t, next))) continue;
    TRY(take(t, next));
    const auto only = effects_.record_only(next);
    if (!only) {
      Pieces pieces;
      pieces.emplace_back(std::move(next));
      return pieces;
    }
    TRY(only(t));
    const auto recorded = cleanup::record(std::move(next), Status(), t.now(), 0);
    ++tally.done;
    TRY(cleanup_tree::settle(t, random_, recorded));
    return next_of_tree(t, recorded, tally);
  }
  return Pieces();
}

Result<Worker::Pieces> Worker::record(Transaction& t, const Sandbox& sandbox, const Result<Commit>& outcome,
                                      Tally& tally) {
  Sandbox row = TRY(t.sandboxes().get(sandbox.resource.id));
  const bool still_ours = row.work.claim == installation_.epoch && row.resource.state == sandbox.resource.state &&
                          row.resource.generation == sandbox.resource.generation &&
                          row.resource.updated_at == sandbox.resource.updated_at;
  if (!still_ours) {
    ++tally.zombies;
    return Pieces();
  }
  if (outcome) {
    ++tally.done;
    TRY((*outcome)(t));
  } else {
    ++tally.retried;
    TRY(transitions_.failed(t, std::move(row), outcome.error()));
  }
  return Pieces();
}

std::optional<Worker::Piece> Worker::pop(Lane lane) {
  std::lock_guard guard(mutex_);
  auto& waiting = of(lane).pieces;
  if (waiting.empty()) return std::nullopt;
  std::optional<Piece> piece(std::move(waiting.front()));
  waiting.pop_front();
  return piece;
}

/// To whoever is free. One is for the thread that calls.
void Worker::hand_out(Pieces pieces, bool perhaps_more) {
  std::array<std::size_t, 2> handed{};
  {
    std::lock_guard guard(mutex_);
    for (auto& piece : pieces) {
      const auto lane = queue_of(piece);
      ++handed[lane == Lane::fast ? 0 : 1];
      of(lane).pieces.push_back(std::move(piece));
    }
  }
  for (const auto lane : {Lane::fast, Lane::slow}) {
    const auto number = handed[lane == Lane::fast ? 0 : 1];
    // Few are woken for many: they wake the next ones if these still find something.
    for (auto others = number + (perhaps_more ? 1 : 0); others > 1; others /= 2) claimed(lane);
  }
}

/// As many at a time as are done within the time that a result may wait.
void Worker::adapt(Lane lane, std::size_t done, Duration took) {
  std::lock_guard guard(mutex_);
  auto& batch = of(lane).batch;
  if (took >= longest_batch) batch = std::max<std::size_t>(1, batch / 2);
  else if (done >= batch) batch = std::min(largest_batch, batch * 2);
}

std::size_t Worker::batch_of(Lane lane) {
  std::lock_guard guard(mutex_);
  return of(lane).batch;
}

void Worker::count(const Tally& tally) {
  counters.done += tally.done;
  counters.failed += tally.failed;
  counters.retried += tally.retried;
  counters.zombies += tally.zombies;
}

}  // namespace mayfly
