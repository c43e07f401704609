#include "app/row_checks.h"

#include <algorithm>

#include "core/lifecycle.h"

namespace mayfly {

using reconcile::Finding;
using reconcile::Trouble;

namespace {

constexpr std::size_t page_size = 200;
// After a downtime many that are in their grace wake before one that is really late.
constexpr std::size_t most_late = 10'000;

using Findings = std::vector<Finding>;

Finding about(Trouble trouble, const ResourceId& id, std::string text, std::string where = {}) {
  const auto kind = kind_of_id(id.text);
  return {trouble, kind ? uid_of(id) : Uuid{}, id, 0, 0, std::move(text), kind.value_or(Kind::sandbox),
          where.empty() ? id.text : std::move(where)};
}

std::string who(const Resource& row) { return row.id.text + (row.name.empty() ? "" : " (" + row.name + ")"); }

// Trees.

/// As it stands now; nothing for what never was.
Result<std::optional<State>> state_of(Transaction& t, const ResourceId& id) {
  const auto state = [](const auto& row) -> Result<std::optional<State>> {
    if (row) return std::optional(row->resource.state);
    if (row.error().code == Code::not_found) return std::optional<State>();
    return tl::unexpected(row.error());
  };
  switch (kind_of_id(id.text).value_or(Kind::organization)) {
    case Kind::sandbox: return state(t.sandboxes().get(id));
    case Kind::volume: return state(t.volumes().get(id));
    case Kind::archive: return state(t.archives().get(id));
    case Kind::image: return state(t.images().content(id));
    case Kind::runtime: return state(t.runtimes().get(id));
    case Kind::organization: case Kind::workspace: break;
  }
  return std::optional<State>();
}

bool moves(const Task& step) { return step.phase != Phase::waiting && step.phase != Phase::completed; }

Status check_tree(Transaction& t, const Task& root, Findings& findings) {
  const auto told = [&](Trouble trouble, const std::string& text, std::optional<Time> since) {
    auto finding = about(trouble, root.resource,
                         "delete of " + root.resource.text + ", task " + root.id.text + ": " + text, root.id.text);
    finding.since = since;
    findings.push_back(std::move(finding));
  };
  const auto steps = TRY(t.tasks().children(root.id));
  for (const auto& step : steps) {
    if (step.phase == Phase::failed || step.phase == Phase::stuck)
      told(step.phase == Phase::failed ? Trouble::task_failed : Trouble::task_stuck,
           std::string(name(step.verb)) + " after " + std::to_string(step.work.attempts) +
               " attempts: " + step.work.last_error,
           step.started_at);
  }
  const auto state = TRY(state_of(t, root.resource));
  if (state != State::deleting) {
    told(Trouble::tree_broken,
         "it is under way, and its record " +
             (state ? "is " + std::string(name(*state)) : std::string("does not exist")),
         root.created_at);
  } else if (std::none_of(steps.begin(), steps.end(), moves)) {
    told(Trouble::tree_broken, "none of its " + std::to_string(steps.size()) + " steps can run", root.created_at);
  }
  return {};
}

/// Roots that have not completed, whatever their workspace.
Status check_trees(Store& store, Findings& findings) {
  for (const auto status : {TaskStatus::failed, TaskStatus::in_progress, TaskStatus::pending}) {
    Page page{.before = {}, .limit = page_size};
    for (bool more = true; more;) {
      more = TRY(store.read([&](Transaction& t) -> Result<bool> {
        const auto roots = TRY(t.tasks().list({.workspace = {}, .status = status, .resource = {}}, page));
        for (const auto& root : roots) TRY(check_tree(t, root, findings));
        if (roots.size() < page.limit) return false;
        page.before = roots.back().id.text;
        return true;
      }));
    }
  }
  return {};
}

// Rows of sandboxes and volumes.

/// A row that is being deleted has an open tree: nothing else would ever end it.
Status check_deleting(Transaction& t, const Resource& row, const std::string& task, Findings& findings) {
  if (row.state != State::deleting) return {};
  const auto root = t.tasks().get({task});
  if (!root && root.error().code != Code::not_found) return tl::unexpected(root.error());
  if (root && root->phase != Phase::completed) return {};
  findings.push_back(about(Trouble::tree_broken, row.id,
                           who(row) + " is being deleted, and its task " + (task.empty() ? "(none)" : task) +
                               (root ? " has completed" : " does not exist")));
  findings.back().since = row.deleted_at;
  return {};
}

void check_quarantine(const Resource& row, const Lifetime& life, Findings& findings) {
  // Somebody who started it, or gave it another end, has taken it out.
  const bool kept = row.kind == Kind::sandbox ? life.halted_at && life.retention : life.policy.max_age.has_value();
  const bool over = row.state == State::deleting || row.state == State::gone || !kept;
  if (over || row.name_held || row.name != "orphan-" + hex(uid_of(row.id)).substr(22)) return;
  findings.push_back(about(Trouble::quarantined, row.id,
                           who(row) + " was found on this host and in no record; it is " +
                               std::string(name(row.state)) +
                               (life.expires_at ? " until " + format(*life.expires_at) : std::string())));
  findings.back().since = row.created_at;
}

Status check_workspace(Transaction& t, const Resource& row, Findings& findings) {
  if (!row.workspace || TRY(t.identities().find_workspace(row.workspace.text))) return {};
  findings.push_back(about(Trouble::dangling, row.id,
                           who(row) + " lies in workspace " + row.workspace.text + ", which does not exist",
                           row.id.text + " " + row.workspace.text));
  return {};
}

Status check_row(Transaction& t, const Sandbox& row, Findings& findings) {
  TRY(check_deleting(t, row.resource, row.cleanup_task, findings));
  TRY(check_workspace(t, row.resource, findings));
  check_quarantine(row.resource, row.lifetime, findings);
  if (row.resource.state == State::deleting) return {};
  for (const auto& mount : row.mounts) {
    const auto volume = t.volumes().get(mount.volume);
    if (!volume && volume.error().code != Code::not_found) return tl::unexpected(volume.error());
    if (volume && volume->resource.state != State::gone) continue;
    findings.push_back(about(Trouble::dangling, row.resource.id,
                             who(row.resource) + " mounts volume " + mount.volume.text + " at " + mount.path +
                                 ", which is gone: it cannot be started",
                             row.resource.id.text + " " + mount.volume.text));
  }
  return {};
}

Status check_row(Transaction& t, const Volume& row, Findings& findings) {
  TRY(check_deleting(t, row.resource, row.cleanup_task, findings));
  TRY(check_workspace(t, row.resource, findings));
  check_quarantine(row.resource, row.lifetime, findings);
  return {};
}

template <class Scan>
Status check_table(Store& store, Scan scan, Findings& findings) {
  std::string after;
  for (bool more = true; more;) {
    more = TRY(store.read([&](Transaction& t) -> Result<bool> {
      const auto rows = TRY(scan(t, after));
      for (const auto& row : rows) TRY(check_row(t, row, findings));
      if (rows.size() < page_size) return false;
      after = rows.back().resource.id.text;
      return true;
    }));
  }
  return {};
}

}  // namespace

Result<Findings> check_rows(Store& store) {
  Findings findings;
  TRY(check_trees(store, findings));
  TRY(check_table(store, [](Transaction& t, const std::string& after) { return t.sandboxes().scan(after, page_size); },
                  findings));
  TRY(check_table(store, [](Transaction& t, const std::string& after) { return t.volumes().scan(after, page_size); },
                  findings));
  return findings;
}

/// `wake_at` is never later than the deadline, so what is late is among the first that wake.
Result<Findings> check_deadlines(Store& store, const Installation& installation) {
  return store.read([&](Transaction& t) -> Result<Findings> {
    Findings findings;
    const auto latest = t.now() - deadline_patience;
    for (const auto& life : TRY(t.lifetimes().waking(latest, most_late))) {
      const auto due = lifetime::expired(life, t.moment(), installation.down);
      if (!due || due->at > latest) continue;
      findings.push_back(about(Trouble::deadline_late, life.id,
                               life.id.text + " is " + std::string(name(life.state)) + ", and its deadline " +
                                   std::string(name(due->trigger)) + " (" + std::string(name(due->action)) +
                                   ") passed at " + format(due->at)));
      findings.back().since = due->at;
    }
    return findings;
  });
}

}  // namespace mayfly
