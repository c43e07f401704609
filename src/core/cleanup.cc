#include "core/cleanup.h"
#include "core/host_words.h"

#include <array>
#include <cstdlib>

namespace mayfly {

namespace {

struct VerbDescriptor {
  Verb verb;
  std::string_view name;
  Kind kind;
  Act act;
};

constexpr std::array verbs = {
    VerbDescriptor{Verb::delete_sandbox, "delete_sandbox", Kind::sandbox, Act::whole},
    VerbDescriptor{Verb::stop_sandbox, "stop_sandbox", Kind::sandbox, Act::stop},
    VerbDescriptor{Verb::archive_sandbox, "archive_sandbox", Kind::sandbox, Act::archive},
    VerbDescriptor{Verb::destroy_sandbox, "destroy_sandbox", Kind::sandbox, Act::destroy},
    VerbDescriptor{Verb::confirm_sandbox, "confirm_sandbox", Kind::sandbox, Act::confirm},
    VerbDescriptor{Verb::forget_sandbox, "forget_sandbox", Kind::sandbox, Act::forget},
    VerbDescriptor{Verb::delete_archive, "delete_archive", Kind::archive, Act::whole},
    VerbDescriptor{Verb::destroy_archive, "destroy_archive", Kind::archive, Act::destroy},
    VerbDescriptor{Verb::forget_archive, "forget_archive", Kind::archive, Act::forget},
    VerbDescriptor{Verb::delete_volume, "delete_volume", Kind::volume, Act::whole},
    VerbDescriptor{Verb::archive_volume, "archive_volume", Kind::volume, Act::archive},
    VerbDescriptor{Verb::destroy_volume, "destroy_volume", Kind::volume, Act::destroy},
    VerbDescriptor{Verb::confirm_volume, "confirm_volume", Kind::volume, Act::confirm},
    VerbDescriptor{Verb::forget_volume, "forget_volume", Kind::volume, Act::forget},
    VerbDescriptor{Verb::delete_image, "delete_image", Kind::image, Act::whole},
    VerbDescriptor{Verb::destroy_image, "destroy_image", Kind::image, Act::destroy},
    VerbDescriptor{Verb::confirm_image, "confirm_image", Kind::image, Act::confirm},
    VerbDescriptor{Verb::forget_image, "forget_image", Kind::image, Act::forget},
    VerbDescriptor{Verb::delete_workspace, "delete_workspace", Kind::workspace, Act::whole},
    VerbDescriptor{Verb::empty_workspace, "empty_workspace", Kind::workspace, Act::empty},
    VerbDescriptor{Verb::confirm_workspace, "confirm_workspace", Kind::workspace, Act::confirm},
    VerbDescriptor{Verb::forget_workspace, "forget_workspace", Kind::workspace, Act::forget},
    VerbDescriptor{Verb::delete_app, "delete_app", Kind::app, Act::whole},
    VerbDescriptor{Verb::empty_app, "empty_app", Kind::app, Act::empty},
    VerbDescriptor{Verb::confirm_app, "confirm_app", Kind::app, Act::confirm},
    VerbDescriptor{Verb::forget_app, "forget_app", Kind::app, Act::forget},
    VerbDescriptor{Verb::delete_element, "delete_element", Kind::element, Act::whole},
    VerbDescriptor{Verb::forget_element, "forget_element", Kind::element, Act::forget},
    VerbDescriptor{Verb::delete_database, "delete_database", Kind::database, Act::whole},
    VerbDescriptor{Verb::archive_database, "archive_database", Kind::database, Act::archive},
    VerbDescriptor{Verb::destroy_database, "destroy_database", Kind::database, Act::destroy},
    VerbDescriptor{Verb::confirm_database, "confirm_database", Kind::database, Act::confirm},
    VerbDescriptor{Verb::forget_database, "forget_database", Kind::database, Act::forget},
    VerbDescriptor{Verb::delete_runtime, "delete_runtime", Kind::runtime, Act::whole},
    VerbDescriptor{Verb::confirm_runtime, "confirm_runtime", Kind::runtime, Act::confirm},
    VerbDescriptor{Verb::forget_runtime, "forget_runtime", Kind::runtime, Act::forget},
};

const VerbDescriptor& describe(Verb verb) {
  const auto& found = verbs[static_cast<std::size_t>(verb)];
  CHECK(found.verb == verb);
  return found;
}

constexpr std::array priority_names = {"user", "quota", "retention", "orphan"};
constexpr std::array status_names = {"pending", "in_progress", "completed", "failed"};
constexpr std::array phase_names = {"waiting", "ready",    "backing_off", "stuck",
                                    "running", "children", "completed",   "failed"};

template <class Enum, std::size_t N>
std::optional<Enum> parse(std::string_view text, const std::array<const char*, N>& names) {
  for (std::size_t i = 0; i < N; ++i)
    if (text == names[i]) return static_cast<Enum>(i);
  return std::nullopt;
}

}  // namespace

std::string_view name(Verb verb) { return describe(verb).name; }
std::optional<Verb> parse_verb(std::string_view text) {
  for (const auto& verb : verbs)
    if (verb.name == text) return verb.verb;
  return std::nullopt;
}
const std::vector<std::string_view>& verb_names() {
  static const auto all = [] {
    std::vector<std::string_view> names;
    for (const auto& verb : verbs) names.push_back(verb.name);
    return names;
  }();
  return all;
}
Act act_of(Verb verb) { return describe(verb).act; }
Kind kind_of(Verb verb) { return describe(verb).kind; }
std::string_view name(Priority priority) { return priority_names[static_cast<std::size_t>(priority)]; }
Priority priority_of(std::string_view reason) {
  if (reason == "quota") return Priority::quota;
  if (reason == "orphan" || reason == "stray" || reason == "abandoned") return Priority::orphan;
  constexpr std::array by_time = {"max_age", "idle", "at", "limit", "retention", "stale", "unused", "pool", "not_made"};
  for (const std::string_view word : by_time)
    if (reason == word) return Priority::retention;
  return Priority::user;
}
std::string_view name(TaskStatus status) { return status_names[static_cast<std::size_t>(status)]; }
std::optional<TaskStatus> parse_task_status(std::string_view text) { return parse<TaskStatus>(text, status_names); }
std::string_view name(Phase phase) { return phase_names[static_cast<std::size_t>(phase)]; }
std::optional<Phase> parse_phase(std::string_view text) { return parse<Phase>(text, phase_names); }

bool resource_level(Verb verb) { return act_of(verb) == Act::whole; }

Lane lane_of(Verb verb) {
  return act_of(verb) == Act::archive || verb == Verb::destroy_image ? Lane::slow : Lane::fast;
}

Lane lane_of(const Sandbox& sandbox) {
  return awaits_restore(sandbox) && sandbox.resource.state != State::stopping ? Lane::slow : Lane::fast;
}

TaskStatus status_of(Phase phase) {
  switch (phase) {
    case Phase::waiting: case Phase::ready: case Phase::backing_off: case Phase::stuck: return TaskStatus::pending;
    case Phase::running: case Phase::children: return TaskStatus::in_progress;
    case Phase::completed: return TaskStatus::completed;
    case Phase::failed: return TaskStatus::failed;
  }
  return TaskStatus::failed;
}

namespace cleanup {

Verb root_verb(Kind kind) {
  for (const auto& verb : verbs)
    if (verb.kind == kind && verb.act == Act::whole) return verb.verb;
  CHECK(false);
}

std::vector<Step> steps_for(Kind kind, const DeletePolicy& policy) {
  std::vector<Step> steps;
  int stage = 0;
  for (const auto& verb : verbs) {
    if (verb.kind != kind || verb.act == Act::whole) continue;
    ++stage;
    if (verb.act != Act::archive || policy.archive) steps.push_back({verb.verb, stage});
  }
  CHECK(!steps.empty());
  return steps;
}

Task record(Task task, const Status& outcome, Time now, double jitter) {
  task.work.claim = 0;
  const auto kind = outcome ? retry::Class::absent : retry::classify(outcome.error().code);
  if (kind == retry::Class::absent) {
    task.phase = Phase::completed;
    task.completed_at = now;
    task.work.next_attempt_at.reset();
    task.work.last_error.clear();
    task.work.error_code.clear();
    return task;
  }
  const Error& error = outcome.error();
  task.work.last_error = without_host_words(error.message);   // clients may ask for what it holds
  task.work.error_code = error.reason.empty() ? std::string(name(error.code)) : error.reason;
  const bool stuck = task.work.attempts >= retry::stuck_after;
  if (kind == retry::Class::permanent || (kind == retry::Class::unknown && stuck)) {
    task.phase = Phase::failed;
    task.work.next_attempt_at.reset();
    return task;
  }
  task.phase = stuck ? Phase::stuck : Phase::backing_off;
  task.work.next_attempt_at = now + retry::delay(kind, task.work.attempts, jitter);
  return task;
}

Result<Task> retried(Task task, Time now) {
  const bool waiting = task.phase == Phase::backing_off || task.phase == Phase::stuck;
  if (task.phase != Phase::failed && !waiting)
    return fail(Code::conflict,
                "cleanup task " + task.id.text + " is " + std::string(name(task.phase)) +
                    "; only a task that failed or waits for its next try can be retried",
                "task_not_failed");
  task.phase = Phase::ready;
  task.metadata.erase(cancelled_by);
  task.work.attempts = 0;
  task.work.next_attempt_at = now;
  // The budget of attempts begins anew, their history goes on.
  auto& retries = task.metadata["retries"];
  retries = std::to_string(std::strtol(retries.c_str(), nullptr, 10) + 1);
  return task;
}

bool not_begun(Phase phase) {
  return phase == Phase::waiting || phase == Phase::ready || phase == Phase::backing_off || phase == Phase::stuck;
}

Task cancelled(Task task, std::string_view by) {
  task.phase = Phase::failed;
  task.work.next_attempt_at.reset();
  task.work.error_code = "cancelled";
  task.work.last_error = "cancelled by " + std::string(by);
  return task;
}

Result<Task> skipped(Task task, std::string_view by, const std::string& reason, Time now) {
  if (task.phase != Phase::failed && !not_begun(task.phase))
    return fail(Code::conflict,
                "cleanup task " + task.id.text + " is " + std::string(name(task.phase)) +
                    "; only what has not been done and what nobody is at can be skipped",
                "task_not_skippable");
  task.metadata["skipped_by"] = by;
  task.metadata["skip_reason"] = reason;
  if (!task.work.last_error.empty()) task.metadata["skipped_error"] = task.work.last_error;
  return record(std::move(task), Status(), now, 0);
}

}  // namespace cleanup
}  // namespace mayfly
