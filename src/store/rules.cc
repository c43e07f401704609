#include "store/rules.h"

namespace mayfly::rules {

std::optional<Lane> queue_of(const Sandbox& sandbox) {
  const bool waits = sandbox.work.claim == 0 && sandbox.work.next_attempt_at.has_value();
  if (!waits || !lifecycle::transitional(sandbox.resource.state)) return std::nullopt;
  return lane_of(sandbox);
}

std::optional<Lane> queue_of(const Task& task) {
  const bool waits = task.work.claim == 0 && task.work.next_attempt_at.has_value();
  const bool claimable = task.phase == Phase::ready || task.phase == Phase::backing_off || task.phase == Phase::stuck;
  if (!waits || !claimable) return std::nullopt;
  return lane_of(task.verb);
}

Sandbox released(Sandbox sandbox, Time now) {
  sandbox.work.claim = 0;
  // One that was deleted meanwhile is no intent any more: its cleanup task is.
  if (lifecycle::transitional(sandbox.resource.state)) sandbox.work.next_attempt_at = now;
  return sandbox;
}

Task released(Task task, Time now) {
  task.work.claim = 0;
  if (task.phase != Phase::running) return task;
  task.phase = Phase::ready;
  task.work.next_attempt_at = now;
  return task;
}

bool same_identity(const Task& a, const Task& b) {
  return a.id == b.id && a.root == b.root && a.parent == b.parent && a.verb == b.verb && a.stage == b.stage &&
         a.resource == b.resource && a.workspace == b.workspace && a.source == b.source &&
         a.created_at == b.created_at && a.priority == b.priority;
}

Lifetime lifetime_of(const Resource& resource, Lifetime lifetime) {
  lifetime.id = resource.id;
  lifetime.state = resource.state;
  lifetime.generation = resource.generation;
  return lifetime;
}

bool ended(State state) { return state == State::deleting || state == State::gone; }

Error missing(std::string_view kind, std::string_view id) {
  return {Code::not_found, "there is no " + std::string(kind) + " " + std::string(id), {}, {}};
}

Error id_taken(std::string_view id) {
  return {Code::conflict, "there is already a row with the id " + std::string(id), "id_taken", {}};
}

Error name_taken(std::string_view kind, std::string_view name) {
  return {Code::conflict, "there is already a " + std::string(kind) + " with the name \"" + std::string(name) + "\"",
          "name_taken", {}};
}

Error number_taken(std::int64_t number) {
  return {Code::conflict, "there is already a user with the number " + std::to_string(number), "number_taken", {}};
}

Error key_taken(std::string_view id) {
  return {Code::conflict, "there is already a key with the id " + std::string(id) + " or with its secret", "key_taken",
          {}};
}

Error read_only(std::string_view what) {
  return {Code::internal, "cannot " + std::string(what) + ": a view of the store changes nothing", "read_only", {}};
}

}  // namespace mayfly::rules
