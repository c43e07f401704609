#include "app/reconciler.h"

#include <algorithm>
#include <map>
#include <set>

#include "app/audit.h"
#include "app/sandboxes.h"

namespace mayfly {

using reconcile::Finding;
using reconcile::Trouble;

namespace {

constexpr std::size_t scan_page = 512;

reconcile::Seen reduce(const Found& found) {
  return {found.uid, found.generation, found.layer, found.what == Found::What::process,
          found.what == Found::What::trash, std::string(name(found.what)) + " " + found.where};
}

bool in_flight(const Sandbox& sandbox) {
  return lifecycle::transitional(sandbox.resource.state) || sandbox.resource.state == State::deleting;
}

reconcile::Row reduce(const Sandbox& sandbox) {
  return {sandbox.resource.id,         sandbox.resource.name, sandbox.resource.state,
          sandbox.resource.generation, sandbox.layer,         in_flight(sandbox)};
}

/// Everything alive, and those tombstones whose uid the host still shows.
Result<std::vector<Sandbox>> rows_for(Transaction& t, const std::set<Uuid>& seen) {
  std::vector<Sandbox> rows;
  std::set<Uuid> known;
  for (std::string after;;) {
    auto page = TRY(t.sandboxes().scan(after, scan_page));
    for (auto& row : page) {
      known.insert(uid_of(row.resource.id));
      rows.push_back(std::move(row));
    }
    if (page.size() < scan_page) break;
    after = rows.back().resource.id.text;
  }
  for (const auto& uid : seen) {
    if (known.contains(uid)) continue;
    auto tombstone = t.sandboxes().get({std::string(describe(Kind::sandbox).prefix) + hex(uid)});
    if (tombstone) rows.push_back(std::move(*tombstone));
    else if (tombstone.error().code != Code::not_found) return tl::unexpected(tombstone.error());
  }
  return rows;
}

Result<bool> still_vanished(Driver& driver, const std::string& instance, const Finding& finding) {
  return !TRY(driver.inspect({instance, finding.uid, finding.generation})).running;
}

/// A stranger is many things on the host: its newest generation and layer speak for it.
Finding whole(Finding stranger, const std::vector<Finding>& findings) {
  for (const auto& other : findings) {
    if (other.trouble != Trouble::unknown || other.uid != stranger.uid) continue;
    stranger.generation = std::max(stranger.generation, other.generation);
    stranger.layer = std::max(stranger.layer, other.layer);
  }
  return stranger;
}

/// The archive that a key was made for, as it stands now.
std::optional<State> state_behind(Store& store, const std::string& key) {
  const auto name = key.substr(key.rfind('/') + 1);
  const auto row = store.read([&](Transaction& t) { return t.archives().get({name.substr(0, name.find('.'))}); });
  return row ? std::optional(row->resource.state) : std::nullopt;
}

Result<std::vector<std::string>> compare_archives(Store& store, BlobStore& blobs) {
  std::vector<std::string> sentences;
  std::map<std::string, std::int64_t> objects;
  for (const auto& object : TRY(blobs.list(""))) objects[object.key] = object.bytes;
  for (std::string after;;) {
    const auto page = TRY(store.read([&](Transaction& t) { return t.archives().scan(after, scan_page); }));
    for (const auto& row : page) {
      const auto object = objects.find(row.key);
      const bool there = object != objects.end();
      // One that was finished or deleted since the list of objects was made is looked at again.
      if (row.resource.state == State::active && !there && !blobs.stat(row.key) &&
          state_behind(store, row.key) == State::active)
        sentences.push_back("archive " + row.resource.id.text + " is recorded, but its object " + row.key +
                            " is missing");
      else if (row.resource.state == State::active && there && object->second != row.stored_bytes)
        sentences.push_back("archive " + row.resource.id.text + " has " + std::to_string(row.stored_bytes) +
                            " bytes on record and " + std::to_string(object->second) + " in the store");
      for (const auto& key : {row.key, manifest_key(row)}) {
        objects.erase(key);
        objects.erase(key + ".partial");
      }
    }
    if (page.size() < scan_page) break;
    after = page.back().resource.id.text;
  }
  for (const auto& [key, bytes] : objects) {
    const auto state = state_behind(store, key);
    if ((state && *state != State::gone) || !blobs.stat(key)) continue;
    sentences.push_back("object " + key + " (" + std::to_string(bytes) + " bytes) belongs to no archive");
  }
  return sentences;
}

}  // namespace

Result<Diagnosis> diagnose(Store& store, Driver& driver, BlobStore& blobs, const std::string& instance) {
  // The host first: what appears after this look has its row already, so it cannot be taken for a stranger.
  std::vector<reconcile::Seen> seen;
  std::set<Uuid> uids;
  for (const auto& found : TRY(driver.inventory())) {
    seen.push_back(reduce(found));
    uids.insert(found.uid);
  }
  const auto sandboxes = TRY(store.read([&](Transaction& t) { return rows_for(t, uids); }));
  std::vector<reconcile::Row> rows;
  for (const auto& sandbox : sandboxes) rows.push_back(reduce(sandbox));

  Diagnosis diagnosis;
  for (auto& finding : reconcile::compare(seen, rows)) {
    // It may have started between the two looks: the host is asked once more before it is called lost.
    if (finding.trouble == Trouble::vanished && !TRY(still_vanished(driver, instance, finding))) continue;
    diagnosis.findings.push_back(std::move(finding));
  }
  diagnosis.archives = TRY(compare_archives(store, blobs));
  diagnosis.sandboxes = rows.size();
  diagnosis.things = seen.size();
  std::set<Uuid> unknown;
  for (const auto& finding : diagnosis.findings)
    if (finding.trouble == Trouble::unknown) unknown.insert(finding.uid);
  diagnosis.suspicious = reconcile::suspicious(unknown.size(), uids.size());
  return diagnosis;
}

Result<Diagnosis> Reconciler::run_once() {
  auto diagnosis = TRY(diagnose(store_, driver_, blobs_, installation_.instance));
  Status trouble = abandon_half_archives();
  std::set<Uuid> quarantined;
  for (const auto& finding : diagnosis.findings) {
    if (finding.trouble == Trouble::unknown && (diagnosis.suspicious || !quarantined.insert(finding.uid).second))
      continue;
    // An effect on this uid is under way: the next pass looks again.
    if (!locks_.try_lock(finding.uid)) continue;
    const auto mended = mend(finding.trouble == Trouble::unknown ? whole(finding, diagnosis.findings) : finding);
    locks_.unlock(finding.uid);
    if (!mended && mended.error().code != Code::busy && mended.error().code != Code::conflict) trouble = mended;
  }
  if (!trouble) return tl::unexpected(trouble.error());
  return diagnosis;
}

Status Reconciler::mend(const Finding& finding) {
  switch (finding.trouble) {
    case Trouble::old_generation:
    case Trouble::should_not_run: return remove_container(finding);
    case Trouble::vanished:
      // Now that its uid is ours no start can come in between.
      return TRY(still_vanished(driver_, installation_.instance, finding)) ? note_lost(finding.id, finding.generation)
                                                                            : Status();
    case Trouble::unknown: return quarantine(finding.uid, finding.generation, finding.layer);
    case Trouble::trash: return driver_.erase({installation_.instance, finding.uid, finding.layer});
    // Files are destroyed with a permit or not at all; these have none, so they are told of and kept.
    case Trouble::leftover: case Trouble::old_layer: return {};
  }
  return {};
}

Status Reconciler::remove_container(const Finding& finding) {
  const auto row = TRY(store_.read([&](Transaction& t) { return t.sandboxes().get(finding.id); }));
  const bool over = finding.generation < row.resource.generation || !lifecycle::may_run(row.resource.state);
  if (!over || (finding.generation == row.resource.generation && in_flight(row))) return {};
  const Incarnation incarnation{installation_.instance, finding.uid, finding.generation};
  TRY(driver_.kill(incarnation));
  return driver_.release(incarnation);
}

Status Reconciler::note_lost(const ResourceId& id, int generation) {
  return store_.write([&](Transaction& t) -> Status {
    Sandbox row = TRY(t.sandboxes().get(id));
    if (row.resource.generation != generation || in_flight(row)) return {};
    TRY(apply_move(t, row, lifecycle::Move::lost, {"lost", "system:reconciler", t.now()}, installation_));
    TRY(audit(t, random_, Caller::system("reconciler", row.resource.workspace), "sandbox.lost", row.resource));
    return {};
  });
}

/// A record for what has none: stopped, kept, and then on the one way out, with an archive.
Status Reconciler::quarantine(const Uuid& uid, int generation, int layer) {
  if (generation > 0) TRY(driver_.kill({installation_.instance, uid, generation}));
  return store_.write([&](Transaction& t) -> Status {
    Sandbox row;
    row.resource.id = {std::string(describe(Kind::sandbox).prefix) + hex(uid)};
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
    row.ending = Ending{"orphan", "system:reconciler", t.now()};
    row.work.next_attempt_at = t.now();
    TRY(t.sandboxes().insert(row));
    t.wakes.work(Lane::fast);
    TRY(audit(t, random_, Caller::system("reconciler", installation_.workspace), "sandbox.quarantined", row.resource));
    return {};
  });
}

/// A waiver can overtake an archive that was begun: nobody will finish it, so it goes the way of all archives.
Status Reconciler::abandon_half_archives() {
  const ArchiveFilter half{.workspace = {}, .sandbox = {}, .states = {State::writing}};
  if (TRY(store_.read([&](Transaction& t) { return t.archives().list(half, {}); })).empty()) return {};
  return store_.write([&](Transaction& t) -> Status {
    for (const auto& row : TRY(t.archives().list(half, {}))) {
      const auto sandbox = t.sandboxes().get(row.sandbox);
      if (!sandbox || sandbox->resource.state != State::gone) continue;
      TRY(deletion_.begin(t, Caller::system("reconciler", row.resource.workspace), row,
                          {.policy = {}, .reason = "abandoned"}));
    }
    return {};
  });
}

}  // namespace mayfly
