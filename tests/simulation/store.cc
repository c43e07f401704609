#include "simulation/store.h"

#include "store/guard.h"
#include "store/memory/transaction.h"

namespace mayfly::simulation {

namespace {
// A disk that cannot be written to is one for so long, at most.
constexpr std::size_t longest_read_only = 90;   // seconds
}  // namespace

SimulatedStore::SimulatedStore(Scheduler& scheduler, const VirtualClock& clock, Host& host)
    : scheduler_(scheduler), clock_(clock), host_(host) {
  start_over();
}

void SimulatedStore::start_over() {
  queue_.clear();
  listener_ = nullptr;
  moments_ = std::make_unique<Moments>(clock_);
}

void SimulatedStore::submit(Closure closure, Then then) {
  const auto job = std::make_shared<Job>(Job{std::move(closure), std::move(then)});
  queue_.push_back(job);
  if (scheduler_.may_pause()) return scheduler_.wait(job->answered);
  while (!job->answered.rung) commit_group();
}

Status SimulatedStore::view(const Closure& closure) {
  if (host_.strike(&Faults::blind_view)) return fail(Code::unavailable, "the database could not be read");
  memory::Draft draft(rows_, memory::Draft::reads);
  memory::MemoryTransaction transaction(draft, moments_->next());
  return run_guarded(closure, transaction);
}

std::optional<Error> SimulatedStore::refused_as_a_whole() {
  if (host_.strike(&Faults::read_only))
    read_only_until_ = clock_.now() + std::chrono::seconds(host_.chance->below(longest_read_only));
  if (clock_.now() < read_only_until_) return Error{Code::unavailable, "the database is read-only", "read_only", {}};
  if (host_.strike(&Faults::begin_busy)) return Error{Code::busy, "the database is locked", "locked", {}};
  return {};
}

void SimulatedStore::commit_group() {
  const auto count = 1 + host_.chance->below(queue_.size());   // a group is closed when it is old enough
  Jobs jobs(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
  if (const auto refusal = refused_as_a_whole()) return refuse(jobs, *refusal);
  memory::Draft draft(rows_, memory::Draft::writes);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    run(*jobs[i], draft);
    if (!host_.strike(&Faults::group_void)) continue;
    // An I/O error has undone the whole group: each that ran is run again, alone. The rest waits for the next one.
    draft.undo();
    for (std::size_t rest = jobs.size(); rest > i + 1; --rest) queue_.push_front(jobs[rest - 1]);
    for (std::size_t again = 0; again <= i; ++again) {
      Jobs alone{jobs[again]};
      memory::Draft own(rows_, memory::Draft::writes);
      run(*alone[0], own);
      commit(alone, own);
    }
    return;
  }
  commit(jobs, draft);
}

void SimulatedStore::run(Job& job, memory::Draft& draft) {
  job.from = draft.changes().size();
  // A conflict with another writer: the closure is run once more from the start.
  for (int runs = host_.strike(&Faults::run_twice) ? 2 : 1; runs > 0; --runs) {
    draft.undo(job.from);
    memory::MemoryTransaction transaction(draft, moments_->next());
    job.status = run_guarded(job.closure, transaction);
    job.wakes = job.status ? std::move(transaction.wakes) : Wakes{};
  }
  if (!job.status) draft.undo(job.from);
  job.to = draft.changes().size();
  ran(std::span(draft.changes()).subspan(job.from));
}

void SimulatedStore::commit(Jobs& jobs, memory::Draft& draft) {
  if (host_.strike(&Faults::crash_before_commit)) {
    draft.undo();
    throw SimulatedCrash{};
  }
  if (host_.strike(&Faults::commit_full)) {
    draft.undo();
    return refuse(jobs, {Code::no_space, "the disk is full", "disk_full", {}});
  }
  const auto changes = std::span(draft.changes());
  const bool dies = host_.strike(&Faults::crash_after_commit);
  for (auto& job : jobs) {
    durable(changes.subspan(job->from, job->to - job->from));
    if (!dies) job->then(job->status);
  }
  committed(changes);
  if (dies) throw SimulatedCrash{};
  answer(jobs);
}

void SimulatedStore::refuse(Jobs& jobs, const Error& error) {
  host_.note(error.message);
  for (auto& job : jobs) {
    job->wakes = {};
    job->then(tl::unexpected(error));
  }
  answer(jobs);
}

void SimulatedStore::answer(Jobs& jobs) {
  Wakes wakes;
  for (auto& job : jobs) {
    wakes.merge(job->wakes);
    job->answered.ring();
  }
  if (listener_ && says_something(wakes)) listener_(wakes);
}

}  // namespace mayfly::simulation
