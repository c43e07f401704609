#include "app/cleanup_control.h"

#include <algorithm>
#include <set>

#include "app/audit.h"
#include "app/cleanup_tree.h"
#include "app/cleanups.h"
#include "base/failpoint.h"

namespace mayfly {

namespace {

// A closure of no more than this many tasks: others wait for it.
constexpr std::size_t at_once = 512;
// Reasons that a person reads before they open the tree.
constexpr std::size_t most_reasons = 5;

Resource subject_of(const Task& task) {
  Resource subject;
  subject.id = task.resource;
  subject.workspace = task.workspace;
  return subject;
}

bool ended(const Task& task) { return task.phase == Phase::completed || task.phase == Phase::failed; }

std::string said_of(const Task& task, Time now) {
  std::string text = std::string(name(task.verb)) + " " + task.id.text + " ";
  if (task.phase == Phase::failed) return text + "failed: " + task.work.last_error;
  if (task.phase == Phase::running) return text + "is at work";
  if (task.work.last_error.empty()) return text + "waits for its turn";
  text += "failed " + std::to_string(task.work.attempts) + " times and is tried again";
  const auto next = task.work.next_attempt_at;
  if (next && *next > now) text += " at " + format(*next);
  return text + ": " + task.work.last_error;
}

/// Of the task and what is below it: first what failed, then what is tried again and again.
Status collect(Transaction& t, const Task& task, std::vector<std::string>& reasons) {
  if (reasons.size() >= most_reasons) return {};
  const bool tells = task.phase == Phase::failed || task.phase == Phase::stuck || task.phase == Phase::backing_off;
  std::vector<Task> below;
  for (const auto status : {TaskStatus::failed, TaskStatus::pending, TaskStatus::in_progress})
    for (auto& child : TRY(t.tasks().children_in(task.id, std::nullopt, status, most_reasons)))
      below.push_back(std::move(child));
  // A parent that failed because of a child says no more than the child does.
  if (below.empty() && tells) reasons.push_back(said_of(task, t.now()));
  for (const auto& child : below) TRY(collect(t, child, reasons));
  return {};
}

}  // namespace

Result<Task> CleanupControl::visible(Transaction& t, const Caller& caller, const TaskId& id) const {
  auto task = t.tasks().get(id);
  if (!task && task.error().code != Code::not_found) return task;
  if (!task || !TRY(sees_deletes_of(t, caller, task->workspace)))
    return fail(Code::not_found, "no cleanup task \"" + id.text.substr(0, 80) + "\" in this workspace",
                "cleanup_task_not_found");
  return task;
}

Status CleanupControl::told(Transaction& t, const Caller& caller, const std::string& type, const Task& task,
                            std::map<std::string, std::string> data) {
  data["task"] = task.id.text;
  data["verb"] = name(task.verb);
  TRY(audit(t, random_, caller, type, subject_of(task), std::move(data)));
  return {};
}

Result<Task> CleanupControl::cancel(const Caller& caller, const TaskId& id) {
  bool first = true;
  for (;;) {
    const auto changed = TRY(store_.write([&](Transaction& t) -> Result<std::size_t> {
      const Task task = TRY(visible(t, caller, id));
      TRY(require(caller, Role::admin));
      if (first && ended(task))
        return fail(Code::conflict,
                    "cleanup task " + id.text + " is " + std::string(name(status_of(task.phase))) +
                        "; only what is under way can be cancelled",
                    "task_ended");
      if (first && TRY(cleanup_tree::past_no_return(t, task)))
        return fail(Code::conflict,
                    "the files of " + task.resource.text + " are being destroyed or are gone: there is nothing left to "
                    "keep, and the rest of cleanup task " + id.text + " only makes sure of that",
                    "past_no_return");
      if (first) TRY(told(t, caller, "cleanup.cancelled", task, {}));
      return cleanup_tree::cancel(t, random_, caller, task, at_once);
    }));
    FAILPOINT("cleanup.after_cancel");
    first = false;
    if (changed < at_once) break;
  }
  return store_.read([&](Transaction& t) { return t.tasks().get(id); });
}

Result<Task> CleanupControl::skip(const Caller& caller, const TaskId& id, const std::string& reason) {
  auto skipped = store_.write([&](Transaction& t) -> Result<Task> {
    const Task task = TRY(visible(t, caller, id));
    TRY(require(caller, Role::admin));
    TRY(cleanup_tree::skip(t, random_, caller, task, reason));
    TRY(told(t, caller, "cleanup.skipped", task, {{"reason", reason}}));
    return t.tasks().get(id);
  });
  FAILPOINT("cleanup.after_skip");
  return skipped;
}

Result<std::vector<Attempt>> CleanupControl::attempts(const Caller& caller, const TaskId& id) {
  return store_.read([&](Transaction& t) -> Result<std::vector<Attempt>> {
    const Task task = TRY(visible(t, caller, id));
    auto attempts = TRY(t.cleanup_records().attempts(id));
    if (!attempts.empty() || task.phase != Phase::completed || task.work.attempts == 0) return attempts;
    return std::vector<Attempt>{{id, 1, task.started_at.value_or(task.created_at), *task.completed_at, {}, {}}};
  });
}

Result<CleanupProgress> CleanupControl::progress_of(Transaction& t, const Task& task) const {
  CleanupProgress progress;
  for (const auto& [phase, count, oldest] : TRY(t.tasks().by_phase(task.root))) {
    progress.total += count;
    switch (phase) {
      case Phase::completed: progress.done += count; break;
      case Phase::failed: progress.failed += count; break;
      case Phase::running: progress.running += count; break;
      case Phase::children: break;
      default: progress.waiting += count;
    }
    if (phase != Phase::completed && (!progress.oldest_open || oldest < *progress.oldest_open))
      progress.oldest_open = oldest;
  }
  const Task root = TRY(t.tasks().get(task.root));
  if (root.phase == Phase::completed) return progress;
  const auto pauses = TRY(t.cleanup_records().pauses());
  if (const auto* pause = paused_by(pauses, task.workspace, kind_of(task.verb)))
    progress.blocked_by.push_back("paused (" + pause->scope + ") by " + pause->actor + ": " + pause->reason);
  for (const auto& [part, breaker] : dispatcher_.parts()) {
    if (breaker.state() == dispatch::Breaker::State::closed) continue;
    const auto kind = kind_of(task.verb);
    if (dispatch::part_of(Lane::fast, kind) != part && dispatch::part_of(Lane::slow, kind) != part) continue;
    progress.blocked_by.push_back("driver \"" + std::string(dispatch::name(part)) +
                                  "\" does not answer: tried again at " + format(breaker.retry_at()));
  }
  TRY(collect(t, root, progress.blocked_by));
  return progress;
}

Result<CleanupProgress> CleanupControl::progress(const Caller& caller, const TaskId& id) {
  return store_.read([&](Transaction& t) -> Result<CleanupProgress> {
    return progress_of(t, TRY(visible(t, caller, id)));
  });
}

Result<std::unique_ptr<CleanupNews>> CleanupControl::follow(const Caller& caller, const TaskId& id) {
  auto task = TRY(store_.read([&](Transaction& t) { return visible(t, caller, id); }));
  return std::make_unique<CleanupNews>(*this, std::move(task));
}

/// A pause without its reason: what it is of, as rows name it.
Result<Pause> CleanupControl::scoped(Transaction& t, const Caller& caller, const Scope& scope) const {
  Pause pause;
  pause.scope = scope.kind ? pause_of(*scope.kind) : pause_all();
  if (scope.workspace.empty()) {
    TRY(require_whole_key(caller));
    return pause;
  }
  const auto workspace = TRY(t.identities().find_workspace(scope.workspace));
  if (!workspace)
    return fail(Code::not_found, "no workspace \"" + scope.workspace.substr(0, 80) + "\"", "workspace_not_found");
  if (workspace->resource.id != caller.workspace) TRY(require_whole_key(caller));
  pause.scope = pause_of(workspace->resource.id);
  return pause;
}

Result<Pause> CleanupControl::pause(const Caller& caller, const Scope& scope, const std::string& reason) {
  TRY(require(caller, Role::admin));
  auto paused = store_.write([&](Transaction& t) -> Result<Pause> {
    auto pause = TRY(scoped(t, caller, scope));
    pause.reason = reason;
    pause.actor = caller.actor;
    pause.at = t.now();
    TRY(t.cleanup_records().put_pause(pause));
    Resource subject;
    subject.id = subject.workspace = caller.workspace;
    TRY(audit(t, random_, caller, "cleanup.paused", subject, {{"scope", pause.scope}, {"reason", reason}}));
    return pause;
  });
  FAILPOINT("cleanup.after_pause");
  return paused;
}

Result<Pause> CleanupControl::resume(const Caller& caller, const Scope& scope) {
  TRY(require(caller, Role::admin));
  auto resumed = store_.write([&](Transaction& t) -> Result<Pause> {
    const auto wanted = TRY(scoped(t, caller, scope)).scope;
    std::optional<Pause> found;
    for (auto& pause : TRY(t.cleanup_records().pauses()))
      if (pause.scope == wanted) found = std::move(pause);
    if (!found) return fail(Code::not_found, "nothing is paused for \"" + wanted + "\"", "not_paused");
    TRY(t.cleanup_records().remove_pause(wanted));
    if (found->tripped) {
      Pause allowance = *found;
      allowance.scope = "allowed" + wanted.substr(wanted.find(':'));
      allowance.actor = caller.actor;
      allowance.at = t.now();
      TRY(t.cleanup_records().put_pause(allowance));
    }
    Resource subject;
    subject.id = subject.workspace = caller.workspace;
    TRY(audit(t, random_, caller, "cleanup.resumed", subject, {{"scope", wanted}}));
    for (const auto lane : {Lane::fast, Lane::slow}) t.wakes.work(lane);
    return *found;
  });
  FAILPOINT("cleanup.after_resume");
  return resumed;
}

Result<std::vector<Pause>> CleanupControl::pauses(const Caller& caller) {
  auto all = TRY(store_.read([](Transaction& t) { return t.cleanup_records().pauses(); }));
  const bool admin = require(caller, Role::admin).has_value() && caller.only.empty();
  std::erase_if(all, [&](const Pause& pause) {
    const bool of_a_workspace = pause.scope.starts_with("workspace:");
    const bool of_others = of_a_workspace && pause.scope != pause_of(caller.workspace);
    return pause.scope.starts_with("allowed:") || (of_others && !admin);
  });
  return all;
}

/// Below before above, so that what a death leaves is still a tree.
Result<bool> CleanupControl::purge_once(Duration keep) {
  auto more = store_.write([&](Transaction& t) -> Result<bool> {
    std::size_t room = at_once;
    for (const auto& root : TRY(t.tasks().completed_before(t.now() - keep, at_once))) {
      const auto tasks = TRY(t.tasks().last_of(root, room));
      for (const auto& task : tasks) {
        TRY(t.cleanup_records().remove_attempts(task.id));
        TRY(t.tasks().remove(task));
      }
      room -= tasks.size();
      if (room == 0) return true;
    }
    return false;
  });
  FAILPOINT("cleanup.after_purge");
  return more;
}

namespace {

// Between two looks, while nobody tells of a change.
constexpr auto between_looks = std::chrono::milliseconds(200);
// A larger tree is told of by its counts alone.
constexpr std::int64_t most_followed = 10'000;

}  // namespace

Result<CleanupNews::Look> CleanupNews::look() {
  return control_.store_.read([&](Transaction& t) -> Result<Look> {
    Look look;
    look.progress = TRY(control_.progress_of(t, task_));
    const auto& p = look.progress;
    const std::vector<std::int64_t> counts = {p.total, p.done, p.failed, p.running, p.waiting};
    const bool same = counts_ == counts;
    counts_ = counts;
    const Task now = TRY(t.tasks().get(task_.id));
    look.ended = ended(now);
    if (p.total > most_followed) {
      if (!same) look.changed.push_back(now);
      return look;
    }
    std::set<TaskId> below = {task_.id};
    for (auto& task : TRY(t.tasks().tree(task_.root))) {
      if (task.id != task_.id && !below.contains(task.parent)) continue;
      below.insert(task.id);
      const std::pair state(task.phase, task.work.attempts);
      const auto known = seen_.find(task.id);
      if (known != seen_.end() && known->second == state) continue;
      seen_[task.id] = state;
      look.changed.push_back(std::move(task));
    }
    return look;
  });
}

Result<CleanupNews::Look> CleanupNews::next(Duration patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto found = TRY(look());
    std::unique_lock lock(mutex_);
    found.cancelled = cancelled_;
    if (!found.changed.empty() || found.ended || cancelled_ || std::chrono::steady_clock::now() >= until) return found;
    changed_.wait_for(lock, between_looks, [&] { return cancelled_; });
  }
}

void CleanupNews::cancel() {
  {
    std::lock_guard guard(mutex_);
    cancelled_ = true;
  }
  changed_.notify_all();
}

}  // namespace mayfly
