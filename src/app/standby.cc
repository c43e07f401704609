#include "app/standby.h"

#include <algorithm>

#include "app/deletion.h"
#include "base/failpoint.h"

namespace mayfly {

namespace {

constexpr std::size_t page_size = 512;
// An effect of a worker on a sandbox that still runs: a pause that has just been asked for, at most.
constexpr Duration lock_patience = 10s;
// After an agent that did not answer, or a group that would not freeze.
constexpr Duration after_trouble = 60s;

ResourceId id_of(const Uuid& uid) { return {"sbx_" + hex(uid)}; }

/// The turn of a uid until it is dropped; nothing when somebody else has it.
std::shared_ptr<void> turn(UidLocks& locks, const Uuid& uid, Duration patience = {}) {
  if (!locks.try_lock(uid, patience)) return nullptr;
  return {&locks, [&locks, uid](void*) { locks.unlock(uid); }};
}

}  // namespace

Status Standby::learn() {
  for (std::string after;;) {
    const auto page = TRY(store_.read([&](Transaction& t) { return t.sandboxes().scan(after, page_size); }));
    for (const auto& sandbox : page) {
      after = sandbox.resource.id.text;
      look_at(sandbox);
    }
    if (page.size() < page_size) return {};
  }
}

void Standby::notice(const std::vector<ResourceId>& ids) {
  const std::lock_guard guard(mutex_);
  noticed_.insert(noticed_.end(), ids.begin(), ids.end());
}

/// A row as it is now. What neither runs nor may sleep is nobody's business here.
void Standby::look_at(const Sandbox& sandbox) {
  const auto incarnation = incarnation_of(sandbox, installation_);
  const std::lock_guard guard(mutex_);
  const auto found = entries_.find(incarnation.uid);
  if (sandbox.resource.state != State::running || sandbox.spec.standby_seconds == 0) {
    if (found != entries_.end() && found->second.holds == 0 && !found->second.changing) entries_.erase(found);
    return;
  }
  const auto after = std::chrono::seconds(sandbox.spec.standby_seconds);
  if (found == entries_.end()) {
    entries_.emplace(incarnation.uid, Entry{.incarnation = incarnation, .after = after, .quiet_since = clock_.now()});
    return;
  }
  found->second.after = after;
  // It was stopped or paused in between.
  found->second.incarnation = incarnation;
  if (!found->second.changing && found->second.power == Power::asleep) found->second.power = Power::unknown;
}

Standby::Entry* Standby::entry_of(const Incarnation& to) {
  const auto found = entries_.find(to.uid);
  return found == entries_.end() || found->second.incarnation != to ? nullptr : &found->second;
}

std::shared_ptr<void> Standby::hold(const Uuid& uid) {
  return {this, [this, uid](void*) {
            const std::lock_guard guard(mutex_);
            const auto found = entries_.find(uid);
            if (found == entries_.end()) return;
            --found->second.holds;
            found->second.quiet_since = clock_.now();
          }};
}

std::shared_ptr<void> Standby::awake_already(const Incarnation& to) {
  static const auto nothing_to_hold = std::make_shared<int>(0);
  const std::lock_guard guard(mutex_);
  auto* entry = entry_of(to);
  if (!entry) return nothing_to_hold;
  if (entry->changing || entry->power != Power::awake) return nullptr;
  ++entry->holds;
  return hold(to.uid);
}

Result<std::shared_ptr<void>> Standby::awake(const Incarnation& to) {
  std::unique_lock lock(mutex_);
  const auto settled = [&] {
    const auto* entry = entry_of(to);
    return !entry || !entry->changing;
  };
  changed_.wait(lock, settled);
  auto* entry = entry_of(to);
  if (!entry) return std::shared_ptr<void>(std::make_shared<int>(0));
  ++entry->holds;
  if (entry->power == Power::awake) return hold(to.uid);
  entry->changing = true;
  lock.unlock();
  const auto thawed = thaw(to);
  lock.lock();
  // Held, so it is still there.
  entry = &entries_.at(to.uid);
  entry->changing = false;
  if (thawed) entry->power = Power::awake;
  else --entry->holds;
  lock.unlock();
  changed_.notify_all();
  if (!thawed) return tl::unexpected(thawed.error());
  return hold(to.uid);
}

/// While the row says it runs and nobody else is at it: a thaw must not undo a pause.
Status Standby::thaw(const Incarnation& to) {
  const auto mine = turn(locks_, to.uid, lock_patience);
  if (!TRY(still_runs(to)))
    return fail(Code::conflict, "sandbox " + id_of(to.uid).text + " was stopped, paused or deleted meanwhile",
                "state_changed");
  if (!mine)
    return fail(Code::busy, "wake sandbox " + id_of(to.uid).text + ": it is being worked on; try again", "busy");
  FAILPOINT("wake_sandbox.before_effect");
  const auto thawed = driver_.thaw(to);
  FAILPOINT("wake_sandbox.after_effect");
  // Nothing runs: the call that wanted it awake will say so.
  if (!thawed && thawed.error().code != Code::not_found) return thawed;
  return {};
}

Result<bool> Standby::still_runs(const Incarnation& to) {
  const auto row = store_.read([&](Transaction& t) { return t.sandboxes().get(id_of(to.uid)); });
  if (!row && row.error().code == Code::not_found) return false;
  if (!row) return tl::unexpected(row.error());
  return row->resource.state == State::running && row->resource.generation == to.generation;
}

Status Standby::run_once() {
  std::vector<ResourceId> noticed;
  {
    const std::lock_guard guard(mutex_);
    noticed.swap(noticed_);
  }
  for (const auto& id : noticed) {
    const auto row = store_.read([&](Transaction& t) { return t.sandboxes().get(id); });
    if (row) look_at(*row);
    else if (row.error().code != Code::not_found) return tl::unexpected(row.error());
  }
  Status trouble;
  for (const auto& incarnation : quiet())
    if (const auto done = settle(incarnation); !done) trouble = done;
  return trouble;
}

bool Standby::is_quiet(const Entry& entry) const {
  return entry.power != Power::asleep && entry.holds == 0 && !entry.changing &&
         clock_.now() - entry.quiet_since >= entry.after;
}

std::vector<Incarnation> Standby::quiet() const {
  std::vector<Incarnation> all;
  const std::lock_guard guard(mutex_);
  for (const auto& [uid, entry] : entries_)
    if (is_quiet(entry)) all.push_back(entry.incarnation);
  return all;
}

/// Marked as changing, so that a call that comes meanwhile waits for what comes of it.
Status Standby::settle(const Incarnation& to) {
  auto before = Power::unknown;
  {
    const std::lock_guard guard(mutex_);
    auto* entry = entry_of(to);
    if (!entry || !is_quiet(*entry)) return {};
    entry->changing = true;
    before = entry->power;
  }
  const auto after = try_to_sleep(to, before);
  {
    const std::lock_guard guard(mutex_);
    auto& entry = entries_.at(to.uid);
    entry.changing = false;
    entry.power = after.value_or(entry.power);
    entry.quiet_since = clock_.now();
    if (!after) entry.quiet_since += std::max(after_trouble - entry.after, Duration::zero());
    if (!after && after.error().code == Code::not_found) entries_.erase(to.uid);
  }
  changed_.notify_all();
  if (after || after.error().code == Code::not_found || after.error().code == Code::busy) return {};
  return tl::unexpected(in_context("put sandbox " + id_of(to.uid).text + " to sleep", after.error()));
}

/// not_found: it does not run any more. busy: not now.
Result<Standby::Power> Standby::try_to_sleep(const Incarnation& to, Power before) {
  const auto mine = turn(locks_, to.uid);
  if (!mine) return fail(Code::busy, "it is being worked on");
  if (!TRY(still_runs(to))) return fail(Code::not_found, "it does not run");
  // After a restart of the server, say. Asking a sleeper's agent would take as long as it sleeps.
  if (before == Power::unknown && TRY(driver_.inspect(to)).frozen) return Power::asleep;
  if (TRY(agent_.holding(to)) > 0) return Power::awake;
  FAILPOINT("sleep_sandbox.before_effect");
  TRY(driver_.freeze(to));
  FAILPOINT("sleep_sandbox.after_effect");
  return Power::asleep;
}

std::optional<Time> Standby::asleep_since(const ResourceId& id) const {
  const auto uid = uuid_in(id.text);
  const std::lock_guard guard(mutex_);
  const auto found = uid ? entries_.find(*uid) : entries_.end();
  if (found == entries_.end() || found->second.power != Power::asleep) return std::nullopt;
  return found->second.quiet_since;
}

std::size_t Standby::count_asleep() const {
  const std::lock_guard guard(mutex_);
  std::size_t count = 0;
  for (const auto& [uid, entry] : entries_) count += entry.power == Power::asleep ? 1 : 0;
  return count;
}

}  // namespace mayfly
