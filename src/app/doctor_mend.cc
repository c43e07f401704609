// What doctor does about a finding once somebody has confirmed it.

#include <array>
#include <map>

#include "app/audit.h"
#include "app/cleanup_tree.h"
#include "app/doctor.h"

namespace mayfly {

using reconcile::Finding;
using reconcile::Remedy;
using reconcile::Trouble;

namespace {

/// The workspace that the key of an object names, where there is one; else the installation's first.
ResourceId workspace_of(Transaction& t, const Finding& finding, const Installation& installation) {
  const auto named = finding.where.substr(0, finding.where.find('/'));
  if (finding.trouble != Trouble::stray_object || !named.starts_with("wsp_")) return installation.workspace;
  const auto found = t.identities().find_workspace(named);
  return found && *found ? ResourceId{named} : installation.workspace;
}

/// Whom the event is about: the thing itself where it has a record.
Resource subject_of(Transaction& t, const Finding& finding, const Installation& installation) {
  Resource subject;
  subject.id = finding.id;
  subject.workspace = workspace_of(t, finding, installation);
  const auto take = [&](const auto& row) {
    if (row && row->resource.workspace) subject.workspace = row->resource.workspace;
  };
  switch (kind_of_id(finding.id.text).value_or(Kind::workspace)) {
    case Kind::sandbox: take(t.sandboxes().get(finding.id)); break;
    case Kind::volume: take(t.volumes().get(finding.id)); break;
    case Kind::archive: take(t.archives().get(finding.id)); break;
    case Kind::image: take(t.images().content(finding.id)); break;
    case Kind::runtime: take(t.runtimes().get(finding.id)); break;
    case Kind::organization: case Kind::workspace: subject.id = installation.workspace; break;
  }
  return subject;
}

/// A tombstone whose files are there again is no tombstone: the way out is the one that all take.
void revive(Sandbox& row, int layer, Moment now, const Downtime& down) {
  row.layer = layer;
  row.resource.deleted_at.reset();
  row.cleanup_task.clear();
  if (!row.started_at) row.started_at = now.now;
  row.holds_storage = true;
  row.mounts.clear();   // given up when it went
  set_state(row, State::stopped);
  row.lifetime.policy = {};
  lifetime::halt(row.lifetime, State::stopped, quarantine_retention, now, down);
}

void revive(Volume& row, int layer, Moment now, const Downtime& down) {
  row.layer = layer;
  row.resource.deleted_at.reset();
  row.cleanup_task.clear();
  LifetimePolicy policy;
  policy.max_age = quarantine_retention;
  row.lifetime = lifetime::begin(row.resource.id, State::active, policy, now);
  lifetime::settle(row.lifetime, now, down);
  set_state(row, State::active);
}

DeleteRequest request_for(Trouble trouble) {
  // Files that are not there cannot be archived; those that came back meanwhile are.
  if (trouble == Trouble::files_missing)
    return {.policy = {.on_archive_failure = DeletePolicy::OnArchiveFailure::waive}, .reason = "files_missing"};
  return {.policy = {}, .reason = "orphan"};
}

/// Object and manifest have one key between them; a torn one has its own.
std::string key_to_remove(const std::string& object) {
  constexpr std::string_view manifest = ".manifest";
  return object.ends_with(manifest) ? object.substr(0, object.size() - manifest.size()) : object;
}

Archive record_for(const Finding& stray, Moment now, const ResourceId& workspace) {
  Archive row;
  row.resource.id = stray.id;
  row.resource.kind = Kind::archive;
  row.resource.parent = row.resource.workspace = workspace;
  row.resource.name_held = false;
  row.resource.state = State::active;
  row.resource.created_at = row.resource.updated_at = now.now;
  row.lifetime = lifetime::begin(row.resource.id, State::active, {}, now);
  return row;
}

/// What is done about these lets bytes go, or decides from what is not there: not while the database or a folder is
/// more likely the wrong one.
bool needs_trust(Trouble trouble) {
  switch (trouble) {
    case Trouble::unknown: case Trouble::files_missing: case Trouble::stray_object: case Trouble::archive_missing:
    case Trouble::archive_size: case Trouble::archive_damaged:
      return true;
    default: return false;
  }
}

}  // namespace

std::string_view name(Mended::Outcome outcome) {
  constexpr std::array names = {"mended", "deleting", "gone", "failed"};
  return names[static_cast<std::size_t>(outcome)];
}

Result<std::vector<Mended>> Doctor::mend(const Caller& caller, const std::vector<std::string>& keys) {
  TRY(require(caller, Role::admin));
  const std::unique_lock one(mending_, std::try_to_lock);
  if (!one) return fail(Code::busy, "somebody else is mending what doctor found; look again after that", "fix_busy");
  bool deep = false;
  for (const auto& key : keys)
    if (key.starts_with(reconcile::name(Trouble::archive_damaged))) deep = true;
  const auto report = TRY(examine(deep));
  std::map<std::string, const Finding*> found;
  for (const auto& finding : report.findings) found[reconcile::key_of(finding)] = &finding;

  std::vector<Mended> all;
  std::map<Uuid, Mended> strangers;   // many findings, one thing
  for (const auto& key : keys) {
    const auto finding = found.find(key);
    if (finding == found.end()) {
      all.push_back({key, Mended::Outcome::gone, {}, "it is not there any more"});
      continue;
    }
    if (report.suspicious && needs_trust(finding->second->trouble)) {
      all.push_back({key, Mended::Outcome::failed, {},
                     "so much is unknown or missing that nothing of it is touched: see that the database is the newest "
                     "one and that every folder of the data directory is mounted"});
      continue;
    }
    const bool stranger = finding->second->trouble == Trouble::unknown;
    if (const auto done = strangers.find(finding->second->uid); stranger && done != strangers.end()) {
      all.push_back({key, done->second.outcome, done->second.task, done->second.text});
      continue;
    }
    auto mended = mend(caller, *finding->second, report.findings);
    all.push_back(mended ? std::move(*mended)
                         : Mended{key, Mended::Outcome::failed, {}, mended.error().message});
    if (stranger) strangers[finding->second->uid] = all.back();
  }
  return all;
}

Result<Mended> Doctor::mend(const Caller& caller, const Finding& finding, const Findings& all) {
  const auto key = reconcile::key_of(finding);
  const auto& advice = reconcile::advise(finding.trouble);
  if (advice.remedy == Remedy::none)
    return Mended{key, Mended::Outcome::failed, {}, "only a person can mend it: " + std::string(advice.to_do)};
  // Who wanted it, before anything happens.
  TRY(store_.write([&](Transaction& t) -> Status {
    TRY(audit(t, random_, caller, "doctor.fix", subject_of(t, finding, installation_),
              {{"finding", std::string(reconcile::name(finding.trouble))}, {"does", std::string(advice.fix)}}));
    return {};
  }));
  Mended mended{key, Mended::Outcome::deleting, {}, std::string(advice.fix)};
  switch (advice.remedy) {
    case Remedy::settle:
      TRY(reconciler_.settle(finding));
      mended.outcome = Mended::Outcome::mended;
      break;
    case Remedy::adopt:
      mended.task = TRY(remove(caller, TRY(take_in(finding, all)), finding));
      break;
    case Remedy::remove: mended.task = TRY(remove(caller, finding.id, finding)); break;
    case Remedy::remove_archive: mended.task = TRY(remove_archive(caller, finding)); break;
    case Remedy::retry:
      TRY(retry(caller, finding));
      mended.task = {finding.where};
      break;
    case Remedy::none: break;
  }
  return mended;
}

/// The id of the record that stands for it; a leftover has one already.
Result<ResourceId> Doctor::take_in(const Finding& finding, const Findings& all) {
  if (finding.trouble != Trouble::unknown) return finding.id;
  const auto stranger = whole(finding, all);
  TRY(reconciler_.settle(stranger));
  const bool volume = stranger.kind == Kind::volume && stranger.generation == 0;
  return ResourceId{std::string(describe(volume ? Kind::volume : Kind::sandbox).prefix) + hex(stranger.uid)};
}

Result<TaskId> Doctor::remove(const Caller& caller, const ResourceId& id, const Finding& finding) {
  const bool missing = finding.trouble == Trouble::files_missing, back = finding.trouble == Trouble::leftover;
  const bool there = (missing || back) && TRY(driver_.has_layer({installation_.instance, finding.uid, finding.layer}));
  if (missing && there) return fail(Code::conflict, "the files of " + id.text + " are there again");
  if (back && !there) return fail(Code::conflict, "the files of " + id.text + " are not there any more");
  const auto request = request_for(finding.trouble);
  return store_.write([&](Transaction& t) -> Result<TaskId> {
    const auto begin = [&](auto row) -> Result<TaskId> {
      if (back && row.resource.state == State::deleting && row.layer != finding.layer)
        return fail(Code::conflict, "another layer of " + id.text + " is being deleted; this one comes after it");
      if (finding.trouble == Trouble::quarantined && lifecycle::may_run(row.resource.state) &&
          row.resource.state != State::stopping)
        return fail(Code::conflict, id.text + " was started: somebody uses it");
      if (back && row.resource.state == State::gone) {
        revive(row, finding.layer, t.moment(), installation_.down);
        TRY(audit(t, random_, caller,
                  std::string(describe(row.resource.kind).name) + ".found_again", row.resource,
                  {{"where", finding.where}}));
      }
      return deletion_.begin(t, caller, std::move(row), request);
    };
    if (kind_of_id(id.text) == Kind::volume) return begin(TRY(t.volumes().get(id)));
    return begin(TRY(t.sandboxes().get(id)));
  });
}

Result<TaskId> Doctor::remove_archive(const Caller& caller, const Finding& finding) {
  const bool stray = finding.trouble == Trouble::stray_object;
  if (!finding.id)
    return fail(Code::unsupported, "object " + finding.where +
                                       " has no name that Mayfly gives, so it is not touched: see what it is and take "
                                       "it out of the archive folder");
  TRY(still_in_trouble(finding));
  return store_.write([&](Transaction& t) -> Result<TaskId> {
    auto row = t.archives().get(finding.id);
    if (!row && row.error().code != Code::not_found) return tl::unexpected(row.error());
    if (stray && row && row->resource.state != State::gone)
      return fail(Code::conflict, "object " + finding.where + " belongs to archive " + finding.id.text);
    if (stray && (!row || row->resource.state == State::gone)) {
      const bool known = row.has_value();
      Archive record = known ? *row : record_for(finding, t.moment(), workspace_of(t, finding, installation_));
      record.resource.state = State::active;
      record.lifetime = lifetime::begin(record.resource.id, State::active, {}, t.moment());
      record.resource.deleted_at.reset();
      record.key = key_to_remove(finding.where);
      TRY(known ? t.archives().update(record) : t.archives().insert(record));
      row = std::move(record);
    }
    if (!row) return tl::unexpected(row.error());
    if (TRY(deletion_.rests_on(t, *row)))
      return fail(Code::conflict, "the delete of " + row->sandbox.text + " rests on archive " + row->resource.id.text +
                                      ": its files may be the only ones now. See mayfly explain " + row->sandbox.text);
    return deletion_.begin(t, caller, std::move(*row),
                           {.policy = {.archive = false}, .reason = stray ? "stray" : "damaged"});
  });
}

/// Somebody may have brought the object back since the look.
Status Doctor::still_in_trouble(const Finding& finding) {
  if (finding.trouble == Trouble::stray_object) return {};
  const auto well_again = [&] {
    return fail(Code::conflict, "archive " + finding.id.text + " is what it should be again");
  };
  const auto archive = TRY(store_.read([&](Transaction& t) { return t.archives().get(finding.id); }));
  const auto object = blobs_.stat(finding.where);
  if (!object && object.error().code != Code::not_found) return tl::unexpected(object.error());
  if (finding.trouble == Trouble::archive_missing) return object ? Status(well_again()) : Status();
  if (finding.trouble == Trouble::archive_size)
    return object && object->bytes == archive.stored_bytes ? Status(well_again()) : Status();
  const auto compared = archives_.compare(archive);
  if (compared) return well_again();
  return says_nothing_of_the_bytes(compared.error().code) ? compared : Status();
}

Status Doctor::retry(const Caller& caller, const Finding& finding) {
  return store_.write([&](Transaction& t) -> Status {
    const Task task = TRY(t.tasks().get({finding.where}));
    TRY(cleanup_tree::retry(t, task));
    TRY(audit(t, random_, caller, "cleanup.retried", subject_of(t, finding, installation_),
              {{"task", task.id.text}}));
    return {};
  });
}

}  // namespace mayfly
