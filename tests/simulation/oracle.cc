#include "simulation/oracle.h"

#include <algorithm>

#include "core/lifecycle.h"

namespace mayfly::simulation {

namespace {

// From the instant that it was promised to act at, once the loop has come by.
constexpr Duration lateness = 2s;

bool relative(const std::string& reason) { return reason == "max_age" || reason == "idle"; }

}  // namespace

const Sandbox* Oracle::row_of(const Uuid& uid) const {
  const auto found = rows_.sandboxes.find({"sbx_" + hex(uid)});
  return found == rows_.sandboxes.end() ? nullptr : &found->second;
}

void Oracle::extended(const ResourceId& id, Time promised) {
  ++promises;
  const auto known = promised_.find(id);
  if (known == promised_.end() || known->second < promised) promised_[id] = promised;
}

/// A later closure of the same commit may start what this one has set: what it promised is told by its own rows.
void Oracle::written(std::span<const memory::Change> changes) {
  for (const auto& [what, key] : changes) {
    if (what != memory::Change::event) continue;
    const auto life = rows_.lifetimes.find(rows_.events.at({key}).subject);
    if (life != rows_.lifetimes.end()) told_with_[{key}] = life->second;
  }
}

void Oracle::durable(std::span<const memory::Change> changes) {
  for (const auto& change : changes)
    if (change.what == memory::Change::event) event(rows_.events.at({change.key}));
}

/// Promises begin and end in the order of commits, whenever a caller hears of them.
void Oracle::event(const Event& event) {
  const auto& id = event.subject;
  const auto is = [&](std::string_view type) { return event.type == type; };
  if (is("sandbox.created")) {
    const auto& life = told_with_.at(event.id);
    if (life.expires_at && !life.halted_at) promised_[id] = *life.expires_at;
  } else if (is("sandbox.lifetime_set") || is("sandbox.stop_accepted") || is("sandbox.pause_accepted")) {
    if (!asked_.contains(id)) report("D1: nobody asked for " + event.type + " of " + id.text);
    promised_.erase(id);
    respites_.erase(id);
    const auto& ends = event.data.find("expires_at");
    if (ends == event.data.end() || ends->second == "never") return;
    // Of what stands still that is its retention, and no promise about running.
    if (!told_with_.at(event.id).halted_at) promised_[id] = Time(parse_wall_time(ends->second)->time_since_epoch());
  } else if (is("archive.verified")) {
    verified(id, {event.data.at("archive")});
  } else if (is("cleanup.completed")) {
    if (++completions_[{event.data.at("task")}] > 1) report("C4: completed twice: " + event.data.at("task"));
  }
}

/// An archive is worth a permit: nothing runs on the layer, and this is its final content.
void Oracle::verified(const ResourceId& holder, const ResourceId& archive) {
  ++kept_archives;
  const auto uid = uid_of(holder);
  for (const auto& [incarnation, container] : host_.containers)
    if (incarnation.uid == uid && container.running) report("C2: archived while it runs: " + holder.text);
  for (const auto& [layer, content] : host_.layers)
    if (layer.uid == uid) archived_[archive] = content;
}

void Oracle::committed(std::span<const memory::Change> changes) {
  std::set<ResourceId> sandboxes;
  std::set<TaskId> tasks;
  for (const auto& change : changes) {
    const bool of_sandbox = change.what == memory::Change::sandbox || change.what == memory::Change::lifetime;
    if (of_sandbox && change.key.starts_with("sbx_")) sandboxes.insert({change.key});
    if (change.what == memory::Change::task) tasks.insert({change.key});
  }
  for (const auto& id : sandboxes) sandbox(id);
  for (const auto& id : tasks) task(id);
  told_with_.clear();
}

void Oracle::sandbox(const ResourceId& id) {
  const auto& row = rows_.sandboxes.at(id);
  const auto& life = rows_.lifetimes.at(id);
  const auto state = row.resource.state;
  if (state != life.state) report("a row and its lifetime disagree: " + id.text);
  if (row.ending && endings_[id] != row.ending->at) {
    endings_[id] = row.ending->at;
    ending(row, life);
  }
  if (deleted_.contains(id) && state != State::deleting && state != State::gone)
    report("C6: an acknowledged delete is forgotten: " + id.text);
  if (state == State::gone && host_.holds_anything_of(uid_of(id)))
    report("C3: forgotten while something is left: " + id.text);
  if (life.limit_at && state == State::running && life.expires_at && *life.expires_at > *life.limit_at)
    report("D3: the deadline of " + id.text + " lies past its limit");
}

void Oracle::ending(const Sandbox& row, const Lifetime& life) {
  const auto& id = row.resource.id;
  const auto& [reason, actor, at] = *row.ending;
  const auto promise = promised_.find(id);
  if (relative(reason) && promise != promised_.end() && at < promise->second)
    report("D1: " + id.text + " ended by " + reason + " before what was promised");
  // Two starts within microseconds are one downtime to a client: which of them a deadline fell into is not told apart.
  const auto respite = respites_.find(id);
  if (respite != respites_.end() && reason == name(respite->second.of) && promise != promised_.end() &&
      at + 1ms < respite->second.until && life.active_at + 1ms < respite->second.since)
    report("D1: " + id.text + " ended by " + reason + " before anybody could renew it after a downtime, until " +
           format(respite->second.until));
  if (reason == "at" && life.policy.at && clock_.wall() < *life.policy.at)
    report("D1: " + id.text + " ended before the instant that was set");
  if (reason == "retention" && (!life.halted_at || at < *life.halted_at + life.retention.value_or(Duration::zero())))
    report("D1: " + id.text + " was not kept for as long as what stands still is");
  if ((reason == "request" && !asked_.contains(id)) || (reason == "stale" && !swept_))
    report("D1: nobody asked for an end of " + id.text);
  if (reason != "lost") promised_.erase(id);
}

void Oracle::task(const TaskId& id) {
  const auto found = rows_.tasks.find(id);
  if (found == rows_.tasks.end()) {
    // Purged: only what had completed, and that is what it stays.
    if (phases_.at(id) != Phase::completed) report("C4: task " + id.text + " was purged before it had completed");
    return;
  }
  const auto& row = found->second;
  const auto before = phases_.contains(id) ? phases_[id] : row.phase;
  phases_[id] = row.phase;
  if (row.parent) children_[row.parent].insert(id);
  if (before == Phase::completed && row.phase != Phase::completed) report("C4: task " + id.text + " left completed");
  if (before == Phase::failed && row.phase != Phase::failed && !retried_.contains(row.resource))
    report("C4: task " + id.text + " left failed without a retry or a skip");
  if (row.phase == Phase::failed && row.work.last_error.empty()) report("C1: failed without a reason: " + id.text);
  if (row.phase != Phase::completed) return;
  for (const auto& child : children_[id]) {
    const auto below = rows_.tasks.find(child);
    const auto phase = below == rows_.tasks.end() ? phases_.at(child) : below->second.phase;   // purged, or as it is
    if (phase != Phase::completed)
      report("C4: " + id.text + " completed before its child " + child.text);
  }
}

void Oracle::effect(std::string_view call, const Incarnation& to) {
  const auto* row = row_of(to.uid);
  if (!row) return;
  if (to.generation > row->resource.generation) report("C5: a generation that never was: " + to_string(to));
  const auto state = row->resource.state;
  const bool lives = to.generation == row->resource.generation && (state == State::running || state == State::paused);
  if (call == "kill" && lives) report("C5: what is to live is killed: " + row->resource.id.text);
  if (call != "start" || !awaits_restore(*row)) return;
  const auto layer = host_.layers.find({to.instance, to.uid, row->layer});
  const auto archived = archived_.find({row->spec.restore_from});
  if (archived != archived_.end() && (layer == host_.layers.end() || layer->second != archived->second))
    report("C2: " + row->resource.id.text + " starts on something else than what was archived");
}

void Oracle::erasing(const LayerRef& layer, const std::string& bytes) {
  ++erased;
  const auto who = hex(layer.uid);
  const auto permit = rows_.permits.find(layer);
  // What was forgotten had its permit dropped with its row; only trash of it is erased again.
  if (permit == rows_.permits.end()) return report("C2: bytes of " + who + " destroyed without a permit");
  if (permit->second.waiver()) {
    if (!rows_.events.contains(permit->second.waiver())) report("C2: the waiver for " + who + " has no event");
    return;
  }
  const auto archive = rows_.archives.find(permit->second.archive());
  if (archive == rows_.archives.end() || archive->second.resource.state == State::writing)
    return report("C2: the archive behind the permit for " + who + " is not there");
  if (archive->second.resource.state != State::active) return;  // somebody deleted it since: theirs to decide
  const auto object = host_.objects.find(archive->second.key);
  if (host_.rotten.contains(archive->second.key)) return;
  if (object == host_.objects.end() || object->second != bytes)
    report("C2: the archive of " + who + " does not hold its final content");
}

/// Whatever was acknowledged is there after every death; and what fell due meanwhile can be renewed for a while.
void Oracle::back_after(const Downtime& down) {
  remembered();
  const Moment now{clock_.now(), clock_.wall()};
  for (const auto& [id, promise] : promised_) {
    const auto& life = rows_.lifetimes.at(id);
    const auto plain = lifetime::due(life, now, {});
    if (!down.over || !plain || plain->trigger == Trigger::absolute || plain->trigger == Trigger::retention ||
        plain->at != life.expires_at) continue;
    if (plain->at < down.from || plain->at >= down.until) continue;
    Time until = down.until + lifetime::downtime_grace;
    if (life.limit_at) until = std::min(until, *life.limit_at);
    respites_[id] = {until, down.until, plain->trigger};
  }
}

void Oracle::remembered() {
  for (const auto& id : created_)
    if (!rows_.sandboxes.contains(id)) report("C6: an acknowledged create is forgotten: " + id.text);
  for (const auto& id : deleted_) sandbox(id);
}

std::set<ResourceId> Oracle::overdue(const Downtime& down) const {
  std::set<ResourceId> ids;
  const Moment now{clock_.now(), clock_.wall()};
  for (const auto& [id, life] : rows_.lifetimes)
    if (kind_of_id(id.text) != Kind::volume && life.state != State::writing && lifetime::expired(life, now, down))
      ids.insert(id);
  return ids;
}

void Oracle::fired(const std::set<ResourceId>& were_overdue, Moment then, const Downtime& down) {
  for (const auto& id : were_overdue) {
    const auto& life = rows_.lifetimes.at(id);
    const auto due = lifetime::expired(life, {clock_.now(), clock_.wall()}, down);
    if (!due) continue;
    // A pause of what is just starting comes again in a moment.
    const auto move = due->action == ExpiryAction::remove ? lifecycle::Move::ask_delete
                      : due->action == ExpiryAction::stop ? lifecycle::Move::ask_stop
                                                          : lifecycle::Move::ask_pause;
    const bool not_now = kind_of_id(id.text) == Kind::sandbox && !lifecycle::next(life.state, move);
    // The pass has put it off, and it comes again; what a pass has missed wakes before that pass began.
    const bool soon = life.wake_at && *life.wake_at > then.now && *life.wake_at <= clock_.now() + lateness;
    if (!not_now && !soon && lifetime::expired(life, then, down))
      report("D2: " + id.text + " is " + std::string(name(life.state)) + " and outlives its deadline, " +
             std::string(name(due->trigger)) + " at " + format(due->at) + ", and wakes at " +
             (life.wake_at ? format(*life.wake_at) : "no time"));
  }
}

}  // namespace mayfly::simulation
