// The last look: no fault is left, and everything has had its time.

#include <algorithm>

#include "app/pool.h"
#include "core/lifecycle.h"
#include "simulation/oracle.h"

namespace mayfly::simulation {

void Oracle::at_rest(const Downtime& down) {
  remembered();
  for (const auto& [id, row] : rows_.sandboxes) sandbox_at_rest(row, down);
  for (const auto& [id, row] : rows_.tasks) {
    task(id);
    const auto status = status_of(row.phase);
    if (row.parent || status == TaskStatus::completed || status == TaskStatus::failed) continue;
    // It waits for people: an archive that is needed, an image that is in use.
    const bool waits = std::any_of(children_[id].begin(), children_[id].end(), [&](const TaskId& child) {
      const auto below = rows_.tasks.find(child);
      if (below == rows_.tasks.end()) return false;   // it had completed
      const auto& code = below->second.work.error_code;
      return code == "in_use" || code == "image_in_use";
    });
    if (!waits) report("C1: the delete " + id.text + " is " + std::string(name(row.phase)) + " at rest");
  }
  for (const auto& [id, row] : rows_.volumes) {
    if (row.resource.state == State::writing) report("C1: the volume " + id.text + " is still being made at rest");
    if (row.resource.state == State::gone && host_.holds_anything_of(uid_of(id)))
      report("C3: forgotten while something is left: " + id.text);
  }
  host_at_rest();
  archives_at_rest();
}

void Oracle::sandbox_at_rest(const Sandbox& sandbox, const Downtime& down) {
  const auto& id = sandbox.resource.id;
  const auto state = sandbox.resource.state;
  if (lifecycle::transitional(state)) report("C1: " + id.text + " is still " + std::string(name(state)) + " at rest");
  const auto& life = rows_.lifetimes.at(id);
  const auto due = lifetime::due(life, {clock_.now(), clock_.wall()}, down);
  if (due && due->at + 2s < clock_.now())
    report("D2: " + id.text + " is " + std::string(name(state)) + " and outlives its deadline, " +
           std::string(name(due->trigger)) + " at " + format(due->at) + ", and wakes at " +
           (life.wake_at ? format(*life.wake_at) : "no time"));
  if (life.limit_at && state == State::running && *life.limit_at + 2s < clock_.now())
    report("D3: " + id.text + " outlives its limit");
}

void Oracle::host_at_rest() {
  for (const auto& [incarnation, container] : host_.containers) {
    const auto* row = row_of(incarnation.uid);
    const auto state = row ? row->resource.state : State::gone;
    const bool wanted = row && row->resource.generation == incarnation.generation &&
                        (state == State::running || state == State::paused || state == State::deleting);
    if (!wanted) report("C7: a container nobody wants: " + to_string(incarnation));
    else if (state == State::paused && container.running && !container.frozen)
      report("C7: paused, but it runs: " + row->resource.id.text);
    else if (state == State::running && container.frozen && row->spec.standby_seconds == 0)
      report("C7: running, but frozen: " + row->resource.id.text);
  }
  for (const auto& [id, row] : rows_.sandboxes) {
    if (row.resource.state != State::running && row.resource.state != State::paused) continue;
    const auto alive = std::any_of(host_.containers.begin(), host_.containers.end(), [&](const auto& entry) {
      return entry.first.uid == uid_of(id) && entry.first.generation == row.resource.generation &&
             entry.second.running;
    });
    if (!alive) report("C7: recorded as alive, but nothing runs: " + id.text);
  }
  for (const auto& [layer, content] : host_.layers)
    if (!row_of(layer.uid) && !rows_.volumes.contains({"vol_" + hex(layer.uid)}))
      report("C7: files that nobody knows: " + hex(layer.uid));
  for (const auto& [layer, content] : host_.trash) {
    const auto* row = row_of(layer.uid);
    const auto volume = rows_.volumes.find({"vol_" + hex(layer.uid)});
    const bool on_its_way = (row && row->resource.state == State::deleting) ||
                            (volume != rows_.volumes.end() && volume->second.resource.state == State::deleting);
    if (!on_its_way) report("C7: trash that nobody takes out: " + hex(layer.uid));
  }
}

void Oracle::archives_at_rest() {
  std::set<std::string> known;
  for (const auto& [id, archive] : rows_.archives) {
    for (const auto& key : {archive.key, manifest_key(archive)}) {
      known.insert(key);
      const bool there = host_.objects.contains(key);
      if (archive.resource.state == State::active && !there) report("C7: an archive without " + key);
      if (archive.resource.state == State::gone && there) report("C7: an object of a deleted archive: " + key);
    }
    const auto content = archived_.find(id);
    if (archive.resource.state == State::active && content != archived_.end() && !host_.rotten.contains(archive.key) &&
        host_.objects.contains(archive.key) && host_.objects.at(archive.key) != content->second)
      report("C2: the archive " + id.text + " has changed");
  }
  for (const auto& [key, bytes] : host_.objects)
    if (!known.contains(key)) report("C7: an object of no archive: " + key);
}

}  // namespace mayfly::simulation
