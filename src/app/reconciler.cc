#include "app/reconciler.h"

#include <algorithm>
#include <set>

#include "app/audit.h"
#include "app/sandboxes.h"
#include "base/failpoint.h"

namespace mayfly {

using reconcile::Finding;
using reconcile::Trouble;

namespace {

// A transaction of the store is closed after 5 ms; the rest is left to the next pass.
constexpr std::size_t half_made_page = 100;

Result<bool> still_vanished(Driver& driver, const std::string& instance, const Finding& finding) {
  return !TRY(driver.inspect({instance, finding.uid, finding.generation})).running;
}

}  // namespace

Finding whole(Finding stranger, const std::vector<Finding>& findings) {
  for (const auto& other : findings) {
    if (other.trouble != Trouble::unknown || other.uid != stranger.uid) continue;
    stranger.generation = std::max(stranger.generation, other.generation);
    stranger.layer = std::max(stranger.layer, other.layer);
    if (other.kind != Kind::sandbox) stranger.kind = other.kind;
  }
  return stranger;
}

Result<Diagnosis> Reconciler::run_once() {
  auto diagnosis = TRY(diagnose(store_, driver_, blobs_, images_, installation_.instance));
  Status trouble = abandon_half_archives();
  if (const auto abandoned = abandon_half_volumes(); !abandoned) trouble = abandoned;
  std::set<Uuid> quarantined;
  for (const auto& finding : diagnosis.findings) {
    if (finding.trouble == Trouble::unknown && (diagnosis.suspicious || !quarantined.insert(finding.uid).second))
      continue;
    const auto mended = settle(finding.trouble == Trouble::unknown ? whole(finding, diagnosis.findings) : finding);
    if (!mended && mended.error().code != Code::busy && mended.error().code != Code::conflict) trouble = mended;
  }
  if (!trouble) return tl::unexpected(trouble.error());
  return diagnosis;
}

/// While an effect on this uid is under way, the next pass looks again.
Status Reconciler::settle(const Finding& finding) {
  if (!locks_.try_lock(finding.uid))
    return fail(Code::busy, "something is being done with " + hex(finding.uid) + " just now", "in_progress");
  const auto mended = mend(finding);
  locks_.unlock(finding.uid);
  return mended;
}

Status Reconciler::mend(const Finding& finding) {
  switch (finding.trouble) {
    case Trouble::old_generation:
    case Trouble::should_not_run: return remove_container(finding);
    case Trouble::vanished:
      // Now that its uid is ours no start can come in between.
      return TRY(still_vanished(driver_, installation_.instance, finding)) ? note_lost(finding.id, finding.generation)
                                                                            : Status();
    case Trouble::unknown:
      return finding.kind == Kind::volume && finding.generation == 0
                 ? quarantine_volume(finding.uid, finding.layer)
                 : quarantine(finding.uid, finding.generation, finding.layer);
    case Trouble::trash: return erase(finding);
    // Files are destroyed with a permit or not at all; these have none, so they are told of and kept. And what is
    // missing only people can bring back.
    case Trouble::leftover: case Trouble::old_layer: case Trouble::files_missing: case Trouble::image_missing:
    case Trouble::stranger: default:
      return {};
  }
}

Status Reconciler::remove_container(const Finding& finding) {
  const auto row = TRY(store_.read([&](Transaction& t) { return t.sandboxes().get(finding.id); }));
  const bool over = finding.generation < row.resource.generation || !lifecycle::may_run(row.resource.state);
  if (!over || (finding.generation == row.resource.generation && lifecycle::in_flight(row.resource.state))) return {};
  const Incarnation incarnation{installation_.instance, finding.uid, finding.generation};
  FAILPOINT("reconcile.remove.before_effect");
  TRY(driver_.kill(incarnation));
  TRY(driver_.release(incarnation));
  FAILPOINT("reconcile.remove.after_effect");
  return {};
}

Status Reconciler::erase(const Finding& finding) {
  FAILPOINT("reconcile.erase.before_effect");
  TRY(driver_.erase({installation_.instance, finding.uid, finding.layer}));
  FAILPOINT("reconcile.erase.after_effect");
  return {};
}

Status Reconciler::note_lost(const ResourceId& id, int generation) {
  FAILPOINT("reconcile.lost.before_record");
  return store_.write([&](Transaction& t) -> Status {
    Sandbox row = TRY(t.sandboxes().get(id));
    if (row.resource.generation != generation || lifecycle::in_flight(row.resource.state)) return {};
    TRY(apply_move(t, row, lifecycle::Move::lost, {"lost", "system:reconciler", t.now()}, installation_));
    TRY(audit(t, random_, Caller::system("reconciler", row.resource.workspace), "sandbox.lost", row.resource));
    return {};
  });
}

/// A record for what has none: stopped, kept, and then on the one way out, with an archive.
Status Reconciler::quarantine(const Uuid& uid, int generation, int layer) {
  const ResourceId id{std::string(describe(Kind::sandbox).prefix) + hex(uid)};
  const auto known = store_.read([&](Transaction& t) { return t.sandboxes().get(id); });
  if (known) return {};
  if (known.error().code != Code::not_found) return tl::unexpected(known.error());
  FAILPOINT("reconcile.quarantine.before_kill");
  if (generation > 0) TRY(driver_.kill({installation_.instance, uid, generation}));
  FAILPOINT("reconcile.quarantine.after_kill");
  return store_.write([&](Transaction& t) -> Status {
    Sandbox row;
    row.resource.id = id;
    if (t.sandboxes().get(row.resource.id)) return {};
    row.resource.parent = row.resource.workspace = installation_.workspace;
    row.resource.name = "orphan-" + hex(uid).substr(22);
    row.resource.name_held = false;
    row.resource.generation = row.lifetime.generation = std::max(generation, 1);
    row.resource.created_at = row.resource.updated_at = t.now();
    row.layer = std::max(layer, 1);
    row.lifetime = lifetime::begin(row.resource.id, State::stopping, {}, t.moment());
    row.lifetime.generation = row.resource.generation;
    set_state(row, State::stopping);
    lifetime::halt(row.lifetime, State::stopping, quarantine_retention, t.moment(), installation_.down);
    // Its files were seen, so they must be there until it is deleted, as those of one that was started here.
    if (layer > 0) row.started_at = t.now();
    row.ending = Ending{"orphan", "system:reconciler", t.now()};
    row.work.next_attempt_at = t.now();
    TRY(t.sandboxes().insert(row));
    t.wakes.work(Lane::fast);
    TRY(audit(t, random_, Caller::system("reconciler", installation_.workspace), "sandbox.quarantined", row.resource));
    return {};
  });
}

/// The same for the folder of a volume: it is one again, until its day is over.
Status Reconciler::quarantine_volume(const Uuid& uid, int layer) {
  return store_.write([&](Transaction& t) -> Status {
    Volume row;
    row.resource.id = {std::string(describe(Kind::volume).prefix) + hex(uid)};
    if (t.volumes().get(row.resource.id)) return {};
    row.resource.kind = Kind::volume;
    row.resource.parent = row.resource.workspace = installation_.workspace;
    row.resource.name = "orphan-" + hex(uid).substr(22);
    row.resource.name_held = false;
    row.resource.created_at = row.resource.updated_at = t.now();
    row.layer = std::max(layer, 1);
    LifetimePolicy policy;
    policy.max_age = quarantine_retention;
    row.lifetime = lifetime::begin(row.resource.id, State::active, policy, t.moment());
    set_state(row, State::active);
    TRY(t.volumes().insert(row));
    t.wakes.deadline_at(row.lifetime.wake_at);
    TRY(audit(t, random_, Caller::system("reconciler", installation_.workspace), "volume.quarantined", row.resource));
    return {};
  });
}

/// Nobody was told of a volume whose maker died while it was made, and nobody will go on with it.
Status Reconciler::abandon_half_volumes() {
  const auto half = [&](Transaction& t) { return t.volumes().made_by_others(installation_.epoch, half_made_page); };
  if (TRY(store_.read(half)).empty()) return {};
  return store_.write([&](Transaction& t) -> Status {
    for (const auto& row : TRY(half(t))) {
      const auto begun = deletion_.begin(t, Caller::system("reconciler", row.resource.workspace), row,
                                         {.policy = {.archive = false}, .reason = "abandoned"});
      // One that somebody holds keeps nobody else.
      if (!begun && begun.error().code != Code::conflict) return tl::unexpected(begun.error());
    }
    return {};
  });
}

/// A waiver can overtake an archive that was begun: nobody will finish it, so it goes the way of all archives.
Status Reconciler::abandon_half_archives() {
  const ArchiveFilter half{.workspace = {}, .sandbox = {}, .states = {State::writing}};
  if (TRY(store_.read([&](Transaction& t) { return t.archives().list(half, {}); })).empty()) return {};
  return store_.write([&](Transaction& t) -> Status {
    for (const auto& row : TRY(t.archives().list(half, {}))) {
      const auto source = find_holder(t, row.sandbox);
      if (!source || source->resource.state != State::gone) continue;
      TRY(deletion_.begin(t, Caller::system("reconciler", row.resource.workspace), row,
                          {.policy = {}, .reason = "abandoned"}));
    }
    return {};
  });
}

}  // namespace mayfly
