#include "app/sandboxes.h"

#include "app/audit.h"
#include "app/ids.h"
#include "app/kinds.h"
#include "app/quotas.h"
#include "app/volumes.h"
#include "base/failpoint.h"

namespace mayfly {

using lifecycle::Move;

namespace {

Error no_such_sandbox(const std::string& id_or_name) {
  return {
      Code::not_found, "no sandbox \"" + id_or_name.substr(0, 80) + "\" in this workspace", "sandbox_not_found", {}};
}

/// What a new one takes of its workspace's quota, and what one that starts again takes.
WorkspaceUsage compute_of(const Resources& resources) {
  return {.cpus = resources.cpus, .memory_mb = resources.memory_mb};
}
WorkspaceUsage all_of(const Resources& resources) {
  return {.sandboxes = 1, .cpus = resources.cpus, .memory_mb = resources.memory_mb, .disk_mb = resources.disk_mb};
}

std::string made_up_name(const ResourceId& id) { return "sandbox-" + id.text.substr(id.text.size() - 10); }

}  // namespace

Result<Sandbox> Sandboxes::create(const Caller& caller, NewSandbox wish, const Once& once) {
  TRY(require(caller, Role::member));
  if (!wish.name.empty()) TRY(check_sandbox_name(wish.name));
  // What is mounted is bound when a container is made.
  const auto offer = pool_ && wish.mounts.empty() ? pool_->offer(wish.spec) : nullptr;
  if (before_create_) TRY(before_create_(offer == nullptr));
  auto made = store_.write([&](Transaction& t) -> Result<Sandbox> {
    if (const auto first = TRY(recall(t, once))) return t.sandboxes().get(first->resource);
    auto sandbox = TRY(create_from(t, caller, wish, offer.get()));
    TRY(remember(t, once, {.resource = sandbox.resource.id}));
    return sandbox;
  });
  FAILPOINT("create_sandbox.after_commit");
  return made;
}

Status Sandboxes::may_create() const { return before_create_ ? before_create_(true) : Status(); }

Result<Sandbox> Sandboxes::create_in(Transaction& t, const Caller& caller, const NewSandbox& wish) const {
  TRY(require(caller, Role::member));
  return create_from(t, caller, wish, nullptr);
}

Result<Sandbox> Sandboxes::create_from(Transaction& t, const Caller& caller, const NewSandbox& wish,
                                       const Pool::Offer* offer) const {
  if (wish.lifetime.at && *wish.lifetime.at <= t.moment().wall)
    return tl::unexpected(Error{Code::invalid, "lifetime.at lies in the past: " + format(*wish.lifetime.at),
                                "at_in_the_past",
                                {{"lifetime.at", "a time to come", format(*wish.lifetime.at)}}});
  NewSandbox filled = wish;
  if (!filled.spec.restore_from.empty()) TRY(fill_in_from_archive(t, caller, filled));
  TRY(resolve_image(t, filled.spec));
  const auto claimed = offer ? TRY(Pool::take(t, *offer, filled.spec)) : std::optional<Sandbox>();
  Sandbox sandbox = claimed ? *claimed : TRY(plain_row(t));
  sandbox.mounts = TRY(resolve_mounts(t, caller, filled.mounts));
  TRY(fill_in(t, caller, filled, sandbox));
  if (claimed) sandbox.caveats = offer->caveats;
  TRY(claimed ? t.sandboxes().update(sandbox) : t.sandboxes().insert(sandbox));
  TRY(audit(t, random_, caller, "sandbox.created", sandbox.resource,
            {{"image", sandbox.spec.image}, {"from", claimed ? "pool" : "image"}}));
  if (claimed) t.wakes.settled.push_back(sandbox.resource.id);
  else t.wakes.work(lane_of(sandbox));
  t.wakes.deadline_at(sandbox.lifetime.wake_at);
  return sandbox;
}

/// One whose container is still to come.
Result<Sandbox> Sandboxes::plain_row(Transaction& t) const {
  Sandbox sandbox;
  sandbox.resource.id = {new_id("sbx_", t, random_)};
  sandbox.resource.kind = Kind::sandbox;
  sandbox.resource.generation = 1;
  set_state(sandbox, State::requested);
  sandbox.work.next_attempt_at = t.now();
  return sandbox;
}

/// Makes it the caller's: from here on its clocks run.
Status Sandboxes::fill_in(Transaction& t, const Caller& caller, const NewSandbox& wish, Sandbox& sandbox) const {
  auto& resource = sandbox.resource;
  resource.workspace = caller.workspace;
  resource.parent = wish.parent ? wish.parent : caller.workspace;
  TRY(refuse_closed(t, resource.parent));
  resource.name = wish.name.empty() ? made_up_name(resource.id) : wish.name;
  TRY(make_room_for(t, caller, resource.name));
  TRY(refuse_over_quota(t, caller.workspace, all_of(wish.spec.resources)));
  resource.labels = wish.labels;
  resource.created_at = resource.updated_at = t.now();
  sandbox.spec = wish.spec;
  sandbox.lifetime = lifetime::begin(resource.id, resource.state, wish.lifetime, t.moment());
  sandbox.lifetime.generation = resource.generation;
  if (resource.state == State::running) sandbox.started_at = t.now();
  return {};
}

/// A holder that is past its deadline has no right to the name any more, whether or not a loop has come by.
Status Sandboxes::make_room_for(Transaction& t, const Caller& caller, const std::string& name) const {
  const auto holder = TRY(t.sandboxes().find_named(caller.workspace, name));
  if (!holder || !holder->resource.name_held) return {};
  const auto due = lifetime::expired(holder->lifetime, t.moment(), installation_.down);
  if (!due || due->action != ExpiryAction::remove)
    return fail(Code::conflict, "there is already a sandbox with the name \"" + name + "\"", "name_taken");
  TRY(deletion_.begin(t, Caller::system("deadline", holder->resource.workspace), *holder,
                      {.policy = {}, .reason = std::string(mayfly::name(due->trigger))}));
  return {};
}

Status Sandboxes::fill_in_from_archive(Transaction& t, const Caller& caller, NewSandbox& wish) const {
  const auto archive = t.archives().get({wish.spec.restore_from});
  if (!archive || archive->resource.workspace != caller.workspace || archive->resource.state != State::active)
    return fail(Code::not_found, "no archive \"" + wish.spec.restore_from.substr(0, 80) + "\" in this workspace",
                "archive_not_found");
  if (of_volume(*archive))
    return fail(Code::conflict,
                "archive " + archive->resource.id.text + " is of a volume: restore it into one (POST /v1/volumes)",
                "archive_of_volume");
  if (!wish.image_given) {
    wish.spec.image = archive->spec.image;
    wish.spec.image_digest = archive->spec.image_digest;
  }
  if (!wish.resources_given) wish.spec.resources = archive->spec.resources;
  if (wish.spec.env.empty()) wish.spec.env = archive->spec.env;
  if (wish.spec.exclude.empty()) wish.spec.exclude = archive->spec.exclude;
  if (wish.spec.workdir == "/") wish.spec.workdir = archive->spec.workdir;
  if (wish.labels.empty()) wish.labels = archive->resource.labels;
  return {};
}

Status Sandboxes::resolve_image(Transaction& t, SandboxSpec& spec) const {
  // An archive's layer fits the digest it was written over, whatever the name means today; the archive keeps it here.
  if (!spec.image_digest.empty()) return {};
  const auto& wanted = spec.image;
  const auto image = TRY(t.images().find(wanted));
  if (!image) {
    std::string known;
    for (const auto& row : TRY(t.images().list())) known += (known.empty() ? "" : ", ") + row.name;
    return fail(Code::not_found,
                "no image \"" + wanted.substr(0, 120) + "\" here; known: " + (known.empty() ? "none" : known) +
                    ". Bring one in with: mayfly image import TAR-or-OCI-LAYOUT --name NAME",
                "image_not_found");
  }
  spec.image_digest = image->digest;
  if (spec.workdir == "/") spec.workdir = image->workdir;
  return {};
}

Result<Sandbox> Sandboxes::find(Transaction& t, const Caller& caller, const std::string& id_or_name) const {
  if (kind_of_id(id_or_name) == Kind::sandbox) {
    auto found = t.sandboxes().get({id_or_name});
    if (found && found->resource.workspace == caller.workspace) return found;
    if (!found && found.error().code != Code::not_found) return found;
  } else if (check_sandbox_name(id_or_name)) {
    if (auto found = TRY(t.sandboxes().find_named(caller.workspace, id_or_name))) return *found;
  }
  return tl::unexpected(no_such_sandbox(id_or_name));
}

/// The row holds the deadline of its last write; a grace for a downtime since then is computed and never written.
void Sandboxes::show_effective_expiry(Transaction& t, Sandbox& sandbox) const {
  const auto due = lifetime::due(sandbox.lifetime, t.moment(), installation_.down);
  sandbox.lifetime.expires_at = due ? std::optional(due->at) : std::nullopt;
}

Result<Sandbox> Sandboxes::get(const Caller& caller, const std::string& id_or_name) {
  return store_.read([&](Transaction& t) -> Result<Sandbox> {
    Sandbox sandbox = TRY(find(t, caller, id_or_name));
    show_effective_expiry(t, sandbox);
    return sandbox;
  });
}

Result<std::vector<Sandbox>> Sandboxes::list(const Caller& caller, SandboxFilter filter, const Page& page) {
  filter.workspace = caller.workspace;
  return store_.read([&](Transaction& t) -> Result<std::vector<Sandbox>> {
    auto rows = TRY(t.sandboxes().list(filter, page));
    for (auto& row : rows) show_effective_expiry(t, row);
    return rows;
  });
}

void Sandboxes::extend(const Caller& caller, const std::string& id_or_name, const lifetime::Extension& wish,
                       std::function<void(Result<lifetime::Extended>)> then, const Once& once) {
  auto answer = std::make_shared<Result<lifetime::Extended>>();
  store_.submit(
      [this, caller, id_or_name, wish, once, answer](Transaction& t) -> Status {
        const auto find_and_extend = [&]() -> Result<lifetime::Extended> {
          TRY(require(caller, Role::member));
          if (const auto first = TRY(recall(t, once)))
            return lifetime::Extended{first->expires_at, first->limit_at, first->clamped};
          return extend_in(t, TRY(find(t, caller, id_or_name)), wish, once);
        };
        *answer = find_and_extend();
        return *answer ? Status() : Status(tl::unexpected(answer->error()));
      },
      [answer, then = std::move(then)](Status status) {
        then(status ? std::move(*answer) : Result<lifetime::Extended>(tl::unexpected(std::move(status).error())));
      });
}

Result<lifetime::Extended> Sandboxes::extend_in(Transaction& t, Sandbox sandbox, const lifetime::Extension& wish,
                                                const Once& once) const {
  if (sandbox.resource.state == State::gone) return tl::unexpected(no_such_sandbox(sandbox.resource.id.text));
  auto extended = lifetime::extend(sandbox.lifetime, wish, t.moment(), installation_.down);
  if (!extended) return tl::unexpected(in_context("sandbox " + sandbox.resource.id.text, extended.error()));
  TRY(t.lifetimes().update(sandbox.lifetime));
  t.wakes.deadline_at(sandbox.lifetime.wake_at);
  TRY(remember(t, once, {.resource = sandbox.resource.id,
                         .expires_at = extended->expires_at,
                         .limit_at = extended->limit_at,
                         .clamped = extended->clamped}));
  return extended;
}

Result<Sandbox> Sandboxes::set_lifetime(const Caller& caller, const std::string& id_or_name,
                                        const std::function<void(LifetimePolicy&)>& change, const Once& once) {
  TRY(require(caller, Role::member));
  return store_.write([&](Transaction& t) -> Result<Sandbox> {
    if (const auto first = TRY(recall(t, once))) return t.sandboxes().get(first->resource);
    Sandbox sandbox = TRY(find(t, caller, id_or_name));
    if (sandbox.resource.state == State::deleting || sandbox.resource.state == State::gone)
      return fail(Code::conflict, "sandbox " + sandbox.resource.id.text + " is " +
                                      std::string(name(sandbox.resource.state)) + ": its deadlines are over",
                  "state_" + std::string(name(sandbox.resource.state)));
    if (lifetime::expired(sandbox.lifetime, t.moment(), installation_.down))
      return fail(Code::conflict, "sandbox " + sandbox.resource.id.text + " has already expired", "expired");
    if (kind_of_id(sandbox.resource.parent.text) == Kind::runtime)
      return fail(Code::conflict,
                  "the deadlines of sandbox " + sandbox.resource.id.text + " are those of runtime " +
                      sandbox.resource.parent.text + ": keep that alive, or change its configuration",
                  "runtime_lifetime");
    LifetimePolicy policy = sandbox.lifetime.policy;
    change(policy);
    lifetime::set(sandbox.lifetime, policy, t.moment(), installation_.down);
    TRY(t.lifetimes().update(sandbox.lifetime));
    t.wakes.deadline_at(sandbox.lifetime.wake_at);
    TRY(audit(t, random_, caller, "sandbox.lifetime_set", sandbox.resource,
              {{"expires_at", sandbox.lifetime.expires_at ? format(*sandbox.lifetime.expires_at) : "never"}}));
    TRY(remember(t, once, {.resource = sandbox.resource.id}));
    return sandbox;
  });
}

Status apply_move(Transaction& t, Sandbox& sandbox, Move move, const Ending& why, const Installation& installation) {
  const auto state = lifecycle::next(sandbox.resource.state, move);
  if (!state) return tl::unexpected(in_context("sandbox " + sandbox.resource.id.text, state.error()));
  set_state(sandbox, *state);
  sandbox.resource.updated_at = t.now();
  sandbox.work = {};
  sandbox.work.next_attempt_at = t.now();
  t.wakes.work(lane_of(sandbox));
  if (move == Move::ask_pause || move == Move::ask_stop || move == Move::lost) {
    sandbox.ending = why;
    ++sandbox.halts;
    lifetime::halt(sandbox.lifetime, *state, halted_retention, t.moment(), installation.down);
  }
  if (move == Move::ask_start) {
    // Where no start was ever recorded the first container is still to come.
    if (sandbox.started_at) sandbox.resource.generation = sandbox.lifetime.generation = sandbox.resource.generation + 1;
    lifetime::run(sandbox.lifetime, *state, t.moment(), installation.down);
  }
  t.wakes.deadline_at(sandbox.lifetime.wake_at);
  return t.sandboxes().update(sandbox);
}

namespace {

std::string accepted(Move move) { return "sandbox." + std::string(lifecycle::name(move)) + "_accepted"; }

}  // namespace

Status Sandboxes::move_in(Transaction& t, const Caller& caller, Sandbox& sandbox, Move move,
                          const Ending& why) const {
  TRY(require(caller, Role::member));
  if (move == Move::ask_start || move == Move::ask_resume) TRY(refuse_closed(t, sandbox.resource.parent));
  // Before the move: after it the row itself is counted.
  if (move == Move::ask_start && !sandbox.holds_compute)
    TRY(refuse_over_quota(t, sandbox.resource.workspace, compute_of(sandbox.spec.resources)));
  TRY(apply_move(t, sandbox, move, why, installation_));
  TRY(audit(t, random_, caller, accepted(move), sandbox.resource));
  return {};
}

Result<Sandbox> Sandboxes::move(const Caller& caller, const std::string& id_or_name, const Once& once, Move move) {
  TRY(require(caller, Role::member));
  return store_.write([&](Transaction& t) -> Result<Sandbox> {
    if (const auto first = TRY(recall(t, once))) return t.sandboxes().get(first->resource);
    Sandbox sandbox = TRY(find(t, caller, id_or_name));
    TRY(move_in(t, caller, sandbox, move, {"request", caller.actor, t.now()}));
    TRY(remember(t, once, {.resource = sandbox.resource.id}));
    return sandbox;
  });
}

Result<Sandbox> Sandboxes::pause(const Caller& caller, const std::string& id_or_name, const Once& once) {
  return move(caller, id_or_name, once, Move::ask_pause);
}
Result<Sandbox> Sandboxes::resume(const Caller& caller, const std::string& id_or_name, const Once& once) {
  return move(caller, id_or_name, once, Move::ask_resume);
}
Result<Sandbox> Sandboxes::stop(const Caller& caller, const std::string& id_or_name, const Once& once) {
  return move(caller, id_or_name, once, Move::ask_stop);
}
Result<Sandbox> Sandboxes::start(const Caller& caller, const std::string& id_or_name, const Once& once) {
  return move(caller, id_or_name, once, Move::ask_start);
}

Result<DeletionAccepted> Sandboxes::remove(const Caller& caller, const std::string& id_or_name,
                                           const DeleteRequest& request, const Once& once) {
  TRY(require(caller, Role::member));
  auto accepted = store_.write([&](Transaction& t) -> Result<DeletionAccepted> {
    if (const auto first = TRY(recall(t, once)))
      return DeletionAccepted{first->task, TRY(t.sandboxes().get(first->resource))};
    Sandbox sandbox = TRY(find(t, caller, id_or_name));
    if (sandbox.resource.state == State::gone) return tl::unexpected(no_such_sandbox(id_or_name));
    const auto task = TRY(deletion_.begin(t, caller, sandbox, request));
    TRY(remember(t, once, {.resource = sandbox.resource.id, .task = task}));
    return DeletionAccepted{task, TRY(t.sandboxes().get(sandbox.resource.id))};
  });
  FAILPOINT("delete_sandbox.after_commit");
  return accepted;
}

void Sandboxes::when_settled(const Caller& caller, const ResourceId& id, Duration patience,
                             std::function<void(Result<Sandbox>)> then) {
  waiting_.park(id, clock_.now() + patience, [this, caller, id, then = std::move(then)](bool last) {
    auto sandbox = get(caller, id.text);
    if (!last && sandbox && lifecycle::transitional(sandbox->resource.state)) return false;
    then(std::move(sandbox));
    return true;
  });
}

}  // namespace mayfly
