#include "app/deletion.h"

#include <algorithm>
#include <utility>

#include "app/audit.h"
#include "app/cleanup_tree.h"
#include "app/kinds.h"
#include "core/lifecycle.h"

namespace mayfly {

LayerRef layer_of(const Sandbox& sandbox, const Installation& installation) {
  return {installation.instance, uid_of(sandbox.resource.id), sandbox.layer};
}

LayerRef layer_of(const Volume& volume, const Installation& installation) {
  return {installation.instance, uid_of(volume.resource.id), volume.layer};
}

LayerRef layer_of(const Holder& holder, const Installation& installation) {
  return {installation.instance, uid_of(holder.resource.id), holder.layer};
}

Incarnation incarnation_of(const Sandbox& sandbox, const Installation& installation) {
  return {installation.instance, uid_of(sandbox.resource.id), sandbox.resource.generation};
}

Incarnation incarnation_of(const Holder& holder, const Installation& installation) {
  return {installation.instance, uid_of(holder.resource.id), holder.resource.generation};
}

Result<Holder> find_holder(Transaction& t, const ResourceId& id) {
  const auto kind = kind_of_id(id.text);
  CHECK(kind && describe(*kind).has_bytes);
  if (*kind != Kind::sandbox) return holder_of(TRY(t.volumes().get(id)));
  return holder_of(TRY(t.sandboxes().get(id)));
}

namespace {

/// What every kind has in common when its delete is accepted.
void mark_deleting(Resource& resource, Time now) {
  resource.state = State::deleting;
  resource.name_held = false;
  resource.deleted_at = resource.updated_at = now;
}

std::string says(const DeletePolicy& policy) {
  if (!policy.archive) return "waived";
  return policy.on_archive_failure == DeletePolicy::OnArchiveFailure::hold ? "required" : "wanted";
}

std::string event_type(const Holder& holder, std::string_view what) {
  return std::string(describe(holder.resource.kind).name) + "." + std::string(what);
}

// Names enough to know what to do next.
constexpr std::size_t named_mounts = 5;

/// Whoever may delete a volume may see all sandboxes of its workspace, and no others can mount it.
Status refuse_mounted(Transaction& t, const Volume& volume, const DeleteRequest& request) {
  if (request.branch || volume.resource.kind == Kind::database) return {};
  const auto sandboxes = TRY(t.volumes().mounted_by(volume.resource.id, named_mounts + 1));
  if (sandboxes.empty()) return {};
  std::string names;
  for (std::size_t i = 0; i < std::min(sandboxes.size(), named_mounts); ++i)
    names += (i == 0 ? "" : ", ") + TRY(t.sandboxes().get(sandboxes[i])).resource.name;
  if (sandboxes.size() > named_mounts) names += " and others";
  return fail(Code::conflict,
              "volume " + volume.resource.name + " (" + volume.resource.id.text + ") is mounted by " + names +
                  ": delete what mounts it first, also what is stopped",
              "volume_mounted");
}

EventId cause_of(const DeleteRequest& request) { return request.branch ? request.branch->source : EventId(); }

/// The hour at which the trash would have ended it is nobody's any more.
Status end_trash_time(Transaction& t, const ResourceId& id) {
  auto life = t.lifetimes().get(id);
  if (!life) return life.error().code == Code::not_found ? Status() : Status(tl::unexpected(life.error()));
  lifetime::end(*life, State::deleting);
  return t.lifetimes().update(*life);
}

std::map<std::string, std::string> story(const DeleteRequest& request) {
  return {{"reason", request.reason}, {"archive", says(request.policy)}};
}

}  // namespace

/// The settings of a workspace stand above what a caller asks for.
Status Deletion::settle_policy(Transaction& t, const Holder& holder, DeleteRequest& request) const {
  const auto workspace = TRY(t.identities().find_workspace(holder.resource.workspace.text));
  // What goes with its workspace has nowhere to be kept.
  const bool stays = workspace && workspace->resource.state != State::deleting;
  if (stays && workspace->always_archive) request.policy.archive = true;
  if (holder.resource.state == State::gone)
    return fail(Code::not_found,
                std::string(describe(holder.resource.kind).name) + " " + holder.resource.id.text + " is gone");
  return {};
}

/// The event, the waiver where there is one, and the tree. The row is its kind's own.
Result<TaskId> Deletion::accept(Transaction& t, const Caller& caller, const Holder& holder,
                                const DeleteRequest& request) const {
  TRY(refuse_held(t, holder.resource));
  const auto event = TRY(audit(t, random_, caller, event_type(holder, "delete_accepted"), holder.resource,
                               story(request), cause_of(request)));
  if (!request.policy.archive) TRY(mint_waiver(t, holder, event));
  std::map<std::string, std::string> metadata = {
      {"name", holder.resource.name},
      {"on_archive_failure",
       request.policy.on_archive_failure == DeletePolicy::OnArchiveFailure::waive ? "waive" : "hold"},
      {"archive_retention_seconds",
       std::to_string(std::chrono::duration_cast<std::chrono::seconds>(request.policy.archive_retention).count())}};
  metadata.merge(story(request));
  t.wakes.settled.push_back(holder.resource.id);
  if (describe(holder.resource.kind).trashed) TRY(t.trash().remove(holder.resource.id));
  return cleanup_tree::plant(t, random_, holder.resource, request.policy, event, std::move(metadata), request.branch);
}

/// The same for what has no bytes on the host.
Result<TaskId> Deletion::accept_plain(Transaction& t, const Caller& caller, const Resource& resource,
                                      const DeleteRequest& request) const {
  const auto word = std::string(describe(resource.kind).name);
  if (resource.state == State::gone) return fail(Code::not_found, word + " " + resource.id.text + " is gone");
  TRY(refuse_held(t, resource));
  const auto event = TRY(audit(t, random_, caller, word + ".delete_accepted", resource, {{"reason", request.reason}},
                               cause_of(request)));
  TRY(t.trash().remove(resource.id));
  t.wakes.settled.push_back(resource.id);
  return cleanup_tree::plant(t, random_, resource, request.policy, event,
                             {{"name", resource.name}, {"reason", request.reason}}, request.branch);
}

Result<TaskId> Deletion::begin(Transaction& t, const Caller& caller, Record record,
                               const DeleteRequest& request) const {
  if (record.resource.state == State::deleting) return delete_task_of(t, record.resource.id);
  const auto root = TRY(accept_plain(t, caller, record.resource, request));
  mark_deleting(record.resource, t.now());
  TRY(t.records().update(record));
  TRY(end_trash_time(t, record.resource.id));
  return root;
}

Result<TaskId> Deletion::begin(Transaction& t, const Caller& caller, Workspace workspace,
                               const DeleteRequest& request) const {
  if (workspace.resource.state == State::deleting) return delete_task_of(t, workspace.resource.id);
  if (workspace.resource.id == installation_.workspace)
    return fail(Code::conflict, "the workspace \"default\" is where keys begin and is not deleted",
                "workspace_default");
  const auto root = TRY(accept_plain(t, caller, workspace.resource, request));
  mark_deleting(workspace.resource, t.now());
  TRY(t.identities().update_workspace(workspace));
  TRY(end_trash_time(t, workspace.resource.id));
  return root;
}

Result<TaskId> Deletion::begin(Transaction& t, const Caller& caller, const ResourceId& id,
                               const DeleteRequest& request) const {
  switch (kind_of_id(id.text).value_or(Kind::organization)) {
    case Kind::sandbox: return begin(t, caller, TRY(t.sandboxes().get(id)), request);
    case Kind::volume: case Kind::database: return begin(t, caller, TRY(t.volumes().get(id)), request);
    case Kind::archive: return begin(t, caller, TRY(t.archives().get(id)), request);
    case Kind::app: case Kind::element: return begin(t, caller, TRY(t.records().get(id)), request);
    case Kind::runtime: return begin(t, caller, TRY(t.runtimes().get(id)), request);
    case Kind::workspace:
      if (auto row = TRY(t.identities().find_workspace(id.text))) return begin(t, caller, std::move(*row), request);
      break;
    case Kind::organization: case Kind::image: break;
  }
  return fail(Code::not_found, "there is nothing to delete with the id " + id.text.substr(0, 80));
}

Result<TaskId> Deletion::begin(Transaction& t, const Caller& caller, Sandbox sandbox,
                               const DeleteRequest& asked) const {
  DeleteRequest request = asked;
  const auto holder = holder_of(sandbox);
  TRY(settle_policy(t, holder, request));
  if (sandbox.resource.state == State::deleting) return again(t, caller, holder, request);
  const State deleting = TRY(lifecycle::next(sandbox.resource.state, lifecycle::Move::ask_delete));
  const auto root = TRY(accept(t, caller, holder, request));
  mark_deleting(sandbox.resource, t.now());
  lifetime::end(sandbox.lifetime, deleting);
  sandbox.work = {};
  sandbox.ending = Ending{request.reason, caller.actor, t.now()};
  sandbox.cleanup_task = root.text;
  TRY(t.sandboxes().update(sandbox));
  return root;
}

Result<TaskId> Deletion::begin(Transaction& t, const Caller& caller, Volume volume, const DeleteRequest& asked) const {
  DeleteRequest request = asked;
  const auto holder = holder_of(volume);
  TRY(settle_policy(t, holder, request));
  if (volume.resource.state == State::deleting) return again(t, caller, holder, request);
  // Half made: nobody was told of it, and there is nothing to keep.
  if (volume.resource.state == State::writing) request.policy.archive = false;
  TRY(refuse_mounted(t, volume, request));
  const auto root = TRY(accept(t, caller, holder, request));
  mark_deleting(volume.resource, t.now());
  lifetime::end(volume.lifetime, State::deleting);
  volume.maker = 0;
  volume.cleanup_task = root.text;
  TRY(t.volumes().update(volume));
  return root;
}

Result<TaskId> Deletion::begin(Transaction& t, const Caller& caller, Archive archive,
                               const DeleteRequest& request) const {
  if (archive.resource.state == State::gone)
    return fail(Code::not_found, "archive " + archive.resource.id.text + " is gone");
  if (archive.resource.state == State::deleting) {
    for (const auto& task : TRY(t.tasks().list({.workspace = {}, .status = {}, .resource = archive.resource.id}, {})))
      return task.id;
    CHECK(false);  // a deleting archive has its root, from the same commit
  }
  TRY(refuse_held(t, archive.resource));
  const auto event = TRY(audit(t, random_, caller, "archive.delete_accepted", archive.resource,
                               {{"reason", request.reason}}, cause_of(request)));
  const auto root =
      TRY(cleanup_tree::plant(t, random_, archive.resource, request.policy, event,
                              {{"name", archive.sandbox_name}, {"reason", request.reason}}, request.branch));
  mark_deleting(archive.resource, t.now());
  lifetime::end(archive.lifetime, State::deleting);
  TRY(t.archives().update(archive));
  return root;
}

Result<bool> Deletion::rests_on(Transaction& t, const Archive& archive) const {
  const auto kind = kind_of_id(archive.sandbox.text);
  if (!kind || !describe(*kind).has_bytes) return false;
  const auto holder = find_holder(t, archive.sandbox);
  if (!holder && holder.error().code == Code::not_found) return false;
  if (!holder) return tl::unexpected(holder.error());
  if (holder->resource.state != State::deleting) return false;
  const auto permit = TRY(t.archives().find_permit(layer_of(*holder, installation_)));
  return permit && permit->archive() == archive.resource.id;
}

/// Images are of the installation: the tree is shown in the workspace of whoever asked.
Result<TaskId> Deletion::begin(Transaction& t, const Caller& caller, ImageContent content,
                               const DeleteRequest& request) const {
  CHECK(content.resource.state == State::active);
  content.resource.workspace = caller.workspace;
  const auto event = TRY(audit(t, random_, caller, "image.delete_accepted", content.resource,
                               {{"reason", request.reason}, {"digest", content.digest}}));
  const auto root = TRY(cleanup_tree::plant(t, random_, content.resource, request.policy, event,
                                            {{"name", content.digest}, {"reason", request.reason}}));
  mark_deleting(content.resource, t.now());
  TRY(t.images().update(content));
  return root;
}

Result<TaskId> Deletion::begin(Transaction& t, const Caller& caller, Runtime runtime,
                               const DeleteRequest& request) const {
  CHECK(runtime.resource.state != State::gone);
  if (runtime.resource.state == State::deleting) return TaskId{runtime.cleanup_task};
  const auto root = TRY(accept_plain(t, caller, runtime.resource, request));
  if (runtime.sandbox) {
    const auto sandbox = TRY(t.sandboxes().get(runtime.sandbox));
    const auto task = TRY(t.tasks().get(root));
    const bool own_tree = sandbox.resource.state == State::deleting;   // then this is its waiver, if it is one
    if (sandbox.resource.state != State::gone)
      TRY(begin(t, caller, sandbox, {.policy = request.policy,
                                     .reason = "runtime_deleted",
                                     .branch = Branch{task.root, root, 0, task.source}}));
    if (sandbox.resource.state != State::gone && !own_tree) TRY(cleanup_tree::hold_steps(t, root));
  }
  mark_deleting(runtime.resource, t.now());
  runtime.cleanup_task = root.text;
  TRY(t.runtimes().update(runtime));
  return root;
}

Status Deletion::mint_waiver(Transaction& t, const Holder& holder, const EventId& event) const {
  return t.archives().put_permit(
      DeletePermit::from_waiver(layer_of(holder, installation_), holder.resource.generation, event));
}

/// An archive that is being made right now may still succeed, and is not waited for once it fails.
Status Deletion::waive_failure(Transaction& t, const Caller& caller, const Holder& holder,
                               const DeleteRequest& request) const {
  Task root = TRY(t.tasks().get({holder.cleanup_task}));
  if (std::exchange(root.metadata["on_archive_failure"], "waive") == "waive") return {};
  TRY(audit(t, random_, caller, event_type(holder, "archive_waived"), holder.resource, story(request)));
  return t.tasks().update(root);
}

/// Its bytes may go now, and an event says who said so.
Result<EventId> Deletion::waive(Transaction& t, const Caller& caller, const Holder& holder,
                                const DeleteRequest& request) const {
  const auto event =
      TRY(audit(t, random_, caller, event_type(holder, "archive_waived"), holder.resource, story(request)));
  TRY(mint_waiver(t, holder, event));
  return event;
}

/// A failed root goes on with its next stage; one whose archive was not begun simply has one step less.
Status Deletion::skip_archive(Transaction& t, const Caller& caller, Task step, const EventId& waiver) const {
  const bool was_waiting = step.phase == Phase::waiting;
  step = cleanup::record(std::move(step), Status(), t.now(), 0);
  step.metadata["waived_by"] = caller.actor;
  step.metadata["waiver"] = waiver.text;
  if (was_waiting) return t.tasks().update(step);
  TRY(cleanup_tree::revive(t, step.parent));
  return cleanup_tree::settle(t, random_, step);
}

Result<bool> Deletion::permitted(Transaction& t, const Holder& holder) const {
  const auto layer = layer_of(holder, installation_);
  const auto permit = TRY(t.archives().find_permit(layer));
  return permit && permit->covers(layer, holder.resource.generation);
}

/// Of what is being deleted already: without an archive, it is the waiver.
Result<TaskId> Deletion::again(Transaction& t, const Caller& caller, const Holder& holder,
                               const DeleteRequest& request) const {
  const TaskId root{holder.cleanup_task};
  if (request.policy.archive) return root;
  for (const auto& step : TRY(t.tasks().children(root))) {
    if (act_of(step.verb) == Act::archive && step.phase == Phase::running) {
      TRY(waive_failure(t, caller, holder, request));
    } else if (act_of(step.verb) == Act::archive && step.phase != Phase::completed) {
      TRY(skip_archive(t, caller, step, TRY(waive(t, caller, holder, request))));
    } else if (act_of(step.verb) == Act::destroy && step.phase == Phase::failed && !TRY(permitted(t, holder))) {
      // Its archive is done with and gave no permit: this is the way on.
      TRY(waive(t, caller, holder, request));
      TRY(cleanup_tree::retry(t, step));
    }
  }
  return root;
}

}  // namespace mayfly
