#include "simulation/oracle.h"

#include <algorithm>

namespace mayfly::simulation {

void Oracle::created(const Sandbox& sandbox) {
  created_.insert(sandbox.resource.id);
  lifetime_set(sandbox);
}

void Oracle::extended(const ResourceId& id, Time promised) {
  const auto known = promised_.find(id);
  if (known == promised_.end() || known->second < promised) promised_[id] = promised;
}

void Oracle::lifetime_set(const Sandbox& sandbox) {
  promised_.erase(sandbox.resource.id);
  // What stands still has only its retention, and that is no promise about running.
  if (sandbox.lifetime.expires_at && !sandbox.lifetime.halted_at)
    promised_[sandbox.resource.id] = *sandbox.lifetime.expires_at;
}

void Oracle::promise_ends(const ResourceId& id) { promised_.erase(id); }

void Oracle::delete_accepted(const ResourceId& id) {
  deleted_.insert(id);
  promised_.erase(id);
}

void Oracle::erasing(const memory::Rows& rows, const Host& host, const LayerRef& layer, const std::string& bytes,
                     const Report& report) const {
  const auto permit = rows.permits.find(layer);
  if (permit == rows.permits.end()) return report("C2: bytes of " + hex(layer.uid) + " destroyed without a permit");
  if (permit->second.waiver()) {
    if (!rows.events.contains(permit->second.waiver()))
      report("C2: the waiver for " + hex(layer.uid) + " has no event");
    return;
  }
  const auto archive = rows.archives.find(permit->second.archive());
  if (archive == rows.archives.end() || archive->second.resource.state == State::writing)
    return report("C2: the archive behind the permit for " + hex(layer.uid) + " is not there");
  if (archive->second.resource.state != State::active) return;  // somebody deleted it since: theirs to decide
  const auto object = host.objects.find(archive->second.key);
  if (object == host.objects.end() || object->second != bytes)
    report("C2: the archive of " + hex(layer.uid) + " does not hold its final content");
}

void Oracle::check(const memory::Rows& rows, const Host& host, Time now, bool at_rest, const Report& report) {
  for (const auto& id : created_)
    if (!rows.sandboxes.contains(id)) report("C6: an acknowledged create is forgotten: " + id.text);
  for (const auto& [id, row] : rows.sandboxes) {
    Sandbox sandbox = row;
    sandbox.lifetime = rows.lifetimes.at(id);
    check_sandbox(sandbox, host, now, at_rest, report);
  }
  check_tasks(rows, at_rest, report);
  if (at_rest) check_host(rows, host, report);
}

void Oracle::check_sandbox(const Sandbox& sandbox, const Host& host, Time now, bool at_rest, const Report& report) {
  const auto& id = sandbox.resource.id;
  const auto state = sandbox.resource.state;
  if (state != sandbox.lifetime.state) report("a row and its lifetime disagree: " + id.text);
  if (sandbox.ending && endings_[id] != sandbox.ending->at) {
    endings_[id] = sandbox.ending->at;
    static const std::set<std::string> relative = {"max_age", "idle"};
    const auto promise = promised_.find(id);
    if (relative.contains(sandbox.ending->reason) && promise != promised_.end() && sandbox.ending->at < promise->second)
      report("D1: " + id.text + " ended by " + sandbox.ending->reason + " before what was promised");
    if (sandbox.ending->reason != "lost") promised_.erase(id);
  }
  if (deleted_.contains(id) && state != State::deleting && state != State::gone)
    report("C6: an acknowledged delete is forgotten: " + id.text);
  if (state == State::gone && host.holds_anything_of(uid_of(id)))
    report("C3: forgotten while something is left: " + id.text);
  const auto& limit = sandbox.lifetime.limit_at;
  if (limit && state == State::running && sandbox.lifetime.expires_at && *sandbox.lifetime.expires_at > *limit)
    report("D3: the deadline of " + id.text + " lies past its limit");
  if (!at_rest) return;
  if (lifecycle::transitional(state)) report("C1: " + id.text + " is still " + std::string(name(state)) + " at rest");
  if (state == State::running && sandbox.lifetime.expires_at && *sandbox.lifetime.expires_at + 2s < now)
    report("D2: " + id.text + " outlives its deadline");
}

void Oracle::check_tasks(const memory::Rows& rows, bool at_rest, const Report& report) {
  for (const auto& id : completed_)
    if (rows.tasks.at(id).phase != Phase::completed) report("C4: task " + id.text + " left completed");
  for (const auto& [id, task] : rows.tasks) {
    if (task.phase == Phase::completed) completed_.insert(id);
    if (!task.parent) {
      const bool waits_for_a_restore = std::any_of(rows.tasks.begin(), rows.tasks.end(), [&](const auto& other) {
        return other.second.parent == id && other.second.work.error_code == "in_use";
      });
      if (at_rest && status_of(task.phase) != TaskStatus::completed && status_of(task.phase) != TaskStatus::failed &&
          !waits_for_a_restore)
        report("C1: the delete " + id.text + " is " + std::string(name(task.phase)) + " at rest");
      continue;
    }
    const auto& parent = rows.tasks.at(task.parent);
    if (parent.phase == Phase::completed && task.phase != Phase::completed)
      report("C4: " + parent.id.text + " completed before its child " + id.text);
    if (task.phase == Phase::failed && task.work.last_error.empty()) report("C1: failed without a reason: " + id.text);
  }
}

void Oracle::check_host(const memory::Rows& rows, const Host& host, const Report& report) const {
  const auto row_of = [&](const Uuid& uid) {
    const auto found = rows.sandboxes.find({"sbx_" + hex(uid)});
    return found == rows.sandboxes.end() ? nullptr : &found->second;
  };
  for (const auto& [incarnation, container] : host.containers) {
    const auto* row = row_of(incarnation.uid);
    const bool wanted = row && row->resource.generation == incarnation.generation &&
                        (row->resource.state == State::running || row->resource.state == State::paused ||
                         row->resource.state == State::deleting);
    if (!wanted) report("C7: a container nobody wants: " + to_string(incarnation));
    else if (row->resource.state == State::paused && !container.frozen)
      report("C7: paused, but it runs: " + row->resource.id.text);
    else if (row->resource.state == State::running && container.frozen)
      report("C7: running, but frozen: " + row->resource.id.text);
  }
  for (const auto& [id, row] : rows.sandboxes)
    if (row.resource.state == State::running || row.resource.state == State::paused) {
      const auto found = std::find_if(host.containers.begin(), host.containers.end(), [&](const auto& entry) {
        return entry.first.uid == uid_of(id) && entry.first.generation == row.resource.generation &&
               entry.second.running;
      });
      if (found == host.containers.end()) report("C7: recorded as alive, but nothing runs: " + id.text);
    }
  for (const auto& [layer, content] : host.layers)
    if (!row_of(layer.uid)) report("C7: files that nobody knows: " + hex(layer.uid));
  for (const auto& [id, archive] : rows.archives) {
    const bool there = host.objects.contains(archive.key);
    if (archive.resource.state == State::active && !there) report("C7: an archive without its object: " + id.text);
    if (archive.resource.state == State::gone && there) report("C7: an object of a deleted archive: " + id.text);
  }
}

}  // namespace mayfly::simulation
