#include "app/trash.h"

#include "app/audit.h"
#include "app/kinds.h"
#include "app/plans.h"
#include "app/sandboxes.h"
#include "base/failpoint.h"

namespace mayfly {

namespace {

constexpr std::size_t page_size = 50;
// How soon a deadline that could not act looks again.
constexpr Duration look_again = 60s;
constexpr Duration look_at_trash_again = std::chrono::hours(24);

const std::vector<State> may_run = {State::requested, State::starting, State::running,
                                    State::pausing,   State::paused,   State::resuming};
const std::vector<State> halted = {State::stopping, State::stopped, State::failed};

Status refuse_plan(Transaction& t, const Entry& entry, const std::string& confirmed) {
  if (confirmed.empty()) return {};
  const auto plan = TRY(plan_of(t, entry.resource));
  if (plan.etag == confirmed) return {};
  return fail(Code::conflict,
              "the plan of the delete of " + called(entry.resource) + " is not the one that was confirmed any more: "
              "look at it again",
              "plan_changed");
}

Status may_delete(const Caller& caller, Kind kind) {
  if (kind != Kind::workspace) return require(caller, Role::member);
  TRY(require(caller, Role::admin));
  return require_whole_key(caller);
}

Error kept_without_end(const Resource& row) {
  return {Code::conflict,
          called(row) + " is kept without an end (retention none) and is not purged: restore it, then delete it with "
          "another retention",
          "retention_none",
          {}};
}

DeleteRequest purge_request(std::string reason) { return {.policy = {.archive = false}, .reason = std::move(reason)}; }

}  // namespace

/// A workspace in the trash shuts its callers out from the answer on.
template <class Body>
auto Trash::write(Kind kind, Body body) -> decltype(body(std::declval<Transaction&>())) {
  return kind == Kind::workspace ? access_.change(std::move(body)) : store_.write(std::move(body));
}

Result<Trash::Done> Trash::remove(const Caller& caller, Kind kind, const std::string& id, const Wish& wish) {
  auto done = write(kind, [&](Transaction& t) -> Result<Done> {
    const auto entry = TRY(visible_entry(t, caller, kind, id));
    TRY(may_delete(caller, kind));
    const auto state = entry.resource.state;
    if (state == State::deleting) return Done{entry, TRY(delete_task_of(t, entry.resource.id))};
    if (state == State::writing)
      return fail(Code::conflict, called(entry.resource) + " is still being made", "state_writing");
    if (state == State::trashed && !wish.purge) return Done{entry};
    TRY(refuse_plan(t, entry, wish.plan));
    if (!wish.purge) return put(t, caller, entry, wish.tier);
    const auto task = TRY(purge(t, caller, entry, purge_request("request")));
    return Done{TRY(entry_of(t, entry.resource.id)), task};
  });
  FAILPOINT("trash.after_commit");
  return done;
}

Result<Trash::Done> Trash::put(Transaction& t, const Caller& caller, const Entry& entry, Tier tier) const {
  const auto& row = entry.resource;
  if (row.id == installation_.workspace)
    return fail(Code::conflict, "the workspace \"default\" is where keys begin and is not deleted",
                "workspace_default");
  TRY(refuse_held(t, row));
  Trashed trashed{row.id, row.kind, row.name, row.kind == Kind::workspace ? row.parent : row.workspace, tier, t.now(),
                  caller.actor, std::nullopt, {}, false};
  const auto retention = retention_of(tier);
  if (retention) trashed.purge_at = t.now() + *retention;
  trashed.event = TRY(audit(t, random_, caller, std::string(describe(row.kind).name) + ".deleted", row,
                            {{"retention_tier", std::string(name(tier))}}));
  TRY(change_row(t, row.id, [&](Resource& changed) {
    changed.state = State::trashed;
    changed.name_held = false;
    changed.deleted_at = changed.updated_at = t.now();
  }));
  auto life = t.lifetimes().get(row.id);
  if (!life && life.error().code != Code::not_found) return tl::unexpected(std::move(life).error());
  if (!life) life = lifetime::begin(row.id, State::trashed, {}, t.moment());
  lifetime::halt(*life, State::trashed, retention.value_or(Duration::zero()), t.moment(), installation_.down);
  if (!retention) {
    life->retention.reset();
    life->wake_at.reset();
    lifetime::settle(*life, t.moment(), installation_.down);
  }
  TRY(t.lifetimes().put(*life));
  t.wakes.deadline_at(life->wake_at);
  TRY(t.trash().put(trashed));
  return Done{TRY(entry_of(t, row.id))};
}

Result<TaskId> Trash::purge(Transaction& t, const Caller& caller, const Entry& entry,
                            const DeleteRequest& request) const {
  if (entry.trashed && entry.trashed->tier == Tier::none) return tl::unexpected(kept_without_end(entry.resource));
  return deletion_.begin(t, caller, entry.resource.id, request);
}

Result<Entry> Trash::restore(const Caller& caller, Kind kind, const std::string& id) {
  auto done = write(kind, [&](Transaction& t) -> Result<Entry> {
    const auto entry = TRY(visible_entry(t, caller, kind, id));
    TRY(may_delete(caller, kind));
    const auto& row = entry.resource;
    if (row.state != State::trashed)
      return fail(Code::conflict,
                  called(row) + (row.state == State::deleting ? " is being purged: it does not come back"
                                                              : " is not in the trash"),
                  row.state == State::deleting ? "state_deleting" : "not_deleted");
    if (row.parent != row.workspace && row.kind != Kind::workspace) TRY(refuse_closed(t, row.parent));
    TRY(change_row(t, row.id, [&](Resource& changed) {
      changed.state = State::active;
      changed.name_held = row.kind != Kind::element;
      changed.deleted_at.reset();
      changed.updated_at = t.now();
    }));
    auto life = TRY(t.lifetimes().get(row.id));
    lifetime::run(life, State::active, t.moment(), installation_.down);
    TRY(t.lifetimes().update(life));
    if (row.kind == Kind::workspace) {
      CHECK(entry.trashed.has_value());   // from the commit that put it there
      auto trashed = *entry.trashed;
      trashed.restoring = true;
      TRY(t.trash().put(trashed));
    } else {
      TRY(t.trash().remove(row.id));
    }
    TRY(audit(t, random_, caller, std::string(describe(row.kind).name) + ".restored", row, {},
              entry.trashed ? entry.trashed->event : EventId()));
    return entry_of(t, row.id);
  });
  FAILPOINT("untrash.after_commit");
  return done;
}

Result<Trash::Emptied> Trash::empty(const Caller& caller) {
  TRY(require(caller, Role::member));
  Emptied emptied;
  std::string after;
  for (bool more = true; more;) {
    const auto page =
        TRY(store_.read([&](Transaction& t) { return t.trash().in(caller.workspace, after, page_size); }));
    for (const auto& row : page) {
      const auto purged = store_.write([&](Transaction& t) -> Result<TaskId> {
        const auto entry = TRY(entry_of(t, row.id));
        if (entry.resource.state != State::trashed) return TaskId();
        return purge(t, caller, entry, purge_request("request"));
      });
      if (!purged && purged.error().code != Code::conflict) return tl::unexpected(purged.error());
      if (!purged) ++emptied.failed;
      else if (*purged) ++emptied.purged;
    }
    more = page.size() == page_size;
    if (more) after = page.back().id.text;
  }
  return emptied;
}

Status Trash::run_once() {
  Status trouble;
  std::string after;
  for (bool more = true; more;) {
    const auto page =
        TRY(store_.read([&](Transaction& t) { return t.trash().of_kind(Kind::workspace, after, page_size); }));
    for (const auto& row : page)
      if (auto done = row.restoring ? welcome_back(row) : stop_what_runs(row); !done) trouble = std::move(done);
    more = page.size() == page_size;
    if (more) after = page.back().id.text;
  }
  return trouble;
}

Status Trash::stop_what_runs(const Trashed& workspace) {
  const SandboxFilter running{.workspace = workspace.id, .states = may_run, .labels = {}, .image = {}};
  for (bool more = true; more;) {
    const auto look = [&](Transaction& t) { return t.sandboxes().list(running, {.before = {}, .limit = page_size}); };
    if (TRY(store_.read(look)).empty()) return {};
    more = TRY(store_.write([&](Transaction& t) -> Result<bool> {
      const auto now = TRY(t.trash().find(workspace.id));
      if (!now) return false;
      const auto rows = TRY(look(t));
      bool any = false;
      for (auto row : rows) {
        // One that was made or started since the workspace came back is somebody's.
        if (now->restoring && row.resource.updated_at > now->deleted_at) continue;
        TRY(apply_move(t, row, lifecycle::Move::ask_stop, {"trash", "system:trash", t.now()}, installation_));
        TRY(audit(t, random_, Caller::system("trash", workspace.id), "sandbox.stop_accepted", row.resource, {},
                  now->event));
        any = true;
      }
      return any && rows.size() == page_size;
    }));
  }
  return {};
}

/// The time in the trash was nobody's: what stands still begins its retention anew.
Status Trash::welcome_back(const Trashed& workspace) {
  TRY(stop_what_runs(workspace));
  const SandboxFilter standing{.workspace = workspace.id, .states = halted, .labels = {}, .image = {}};
  Page page{.before = {}, .limit = page_size};
  for (bool more = true; more;) {
    more = TRY(store_.write([&](Transaction& t) -> Result<bool> {
      const auto rows = TRY(t.sandboxes().list(standing, page));
      for (const auto& row : rows) {
        auto life = row.lifetime;
        if (!life.halted_at) continue;
        lifetime::halt_anew(life, t.moment());
        lifetime::halt(life, life.state, halted_retention, t.moment(), installation_.down);
        t.wakes.deadline_at(life.wake_at);
        TRY(t.lifetimes().update(life));
      }
      if (rows.size() < page_size) return false;
      page.before = rows.back().resource.id.text;
      return true;
    }));
  }
  return store_.write([&](Transaction& t) -> Status {
    const auto now = TRY(t.trash().find(workspace.id));
    return now && now->restoring ? t.trash().remove(workspace.id) : Status();
  });
}

Result<std::optional<Time>> put_off_until(Transaction& t, const Resource& resource, bool deletes) {
  if (resource.workspace && resource.workspace != resource.id) {
    const auto trashed = TRY(t.trash().find(resource.workspace));
    if (trashed && trashed->restoring) return std::optional(t.now() + look_again);
    // Not further than a day: after a restore what was put off comes soon.
    const auto next = t.now() + look_at_trash_again;
    if (trashed) return std::optional(std::max(std::min(trashed->purge_at.value_or(next), next), t.now() + look_again));
  }
  if (deletes && !TRY(t.holds().keeping(resource.id, t.now(), 1)).empty()) return std::optional(t.now() + look_again);
  return std::optional<Time>();
}

}  // namespace mayfly
