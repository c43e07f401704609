#include "core/cleanup.h"

#include <array>

namespace mayfly {

namespace {

constexpr std::array verb_names = {"delete_sandbox", "stop_sandbox",    "archive_sandbox",
                                   "destroy_sandbox", "confirm_sandbox", "forget_sandbox",
                                   "delete_archive",  "destroy_archive", "forget_archive",
                                   "delete_image",    "destroy_image",   "confirm_image", "forget_image"};
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

std::string_view name(Verb verb) { return verb_names[static_cast<std::size_t>(verb)]; }
std::optional<Verb> parse_verb(std::string_view text) { return parse<Verb>(text, verb_names); }
std::string_view name(TaskStatus status) { return status_names[static_cast<std::size_t>(status)]; }
std::optional<TaskStatus> parse_task_status(std::string_view text) { return parse<TaskStatus>(text, status_names); }
std::string_view name(Phase phase) { return phase_names[static_cast<std::size_t>(phase)]; }
std::optional<Phase> parse_phase(std::string_view text) { return parse<Phase>(text, phase_names); }

bool resource_level(Verb verb) {
  return verb == Verb::delete_sandbox || verb == Verb::delete_archive || verb == Verb::delete_image;
}

Lane lane_of(Verb verb) {
  return verb == Verb::archive_sandbox || verb == Verb::destroy_image ? Lane::slow : Lane::fast;
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
  switch (kind) {
    case Kind::sandbox: return Verb::delete_sandbox;
    case Kind::archive: return Verb::delete_archive;
    case Kind::image: return Verb::delete_image;
    case Kind::organization: case Kind::workspace: break;
  }
  CHECK(false);
}

std::vector<Step> steps_for(Kind kind, const DeletePolicy& policy) {
  if (kind == Kind::archive) return {{Verb::destroy_archive, 1}, {Verb::forget_archive, 2}};
  if (kind == Kind::image)
    return {{Verb::destroy_image, 1}, {Verb::confirm_image, 2}, {Verb::forget_image, 3}};
  CHECK(kind == Kind::sandbox);
  std::vector<Step> steps = {{Verb::stop_sandbox, 1}};
  if (policy.archive) steps.push_back({Verb::archive_sandbox, 2});
  steps.insert(steps.end(), {{Verb::destroy_sandbox, 3}, {Verb::confirm_sandbox, 4}, {Verb::forget_sandbox, 5}});
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
  task.work.last_error = error.message;
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
  task.work.attempts = 0;
  task.work.next_attempt_at = now;
  return task;
}

}  // namespace cleanup
}  // namespace mayfly
