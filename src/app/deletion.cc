#include "app/deletion.h"

#include <utility>

#include "app/audit.h"
#include "app/cleanup_tree.h"
#include "core/lifecycle.h"

namespace mayfly {

LayerRef layer_of(const Sandbox& sandbox, const Installation& installation) {
  return {installation.instance, uid_of(sandbox.resource.id), sandbox.layer};
}

Incarnation incarnation_of(const Sandbox& sandbox, const Installation& installation) {
  return {installation.instance, uid_of(sandbox.resource.id), sandbox.resource.generation};
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

std::map<std::string, std::string> story(const DeleteRequest& request) {
  return {{"reason", request.reason}, {"archive", says(request.policy)}};
}

}  // namespace

Result<TaskId> Deletion::begin(Transaction& t, const Caller& caller, Sandbox sandbox,
                               const DeleteRequest& asked) const {
  DeleteRequest request = asked;
  const auto workspace = TRY(t.identities().find_workspace(sandbox.resource.workspace.text));
  if (workspace && workspace->always_archive) request.policy.archive = true;

  if (sandbox.resource.state == State::gone)
    return fail(Code::not_found, "sandbox " + sandbox.resource.id.text + " is gone");
  if (sandbox.resource.state == State::deleting)
    return request.policy.archive ? TaskId{sandbox.cleanup_task} : waive_archive(t, caller, sandbox, request);
  const State deleting = TRY(lifecycle::next(sandbox.resource.state, lifecycle::Move::ask_delete));

  const auto event = TRY(audit(t, random_, caller, "sandbox.delete_accepted", sandbox.resource, story(request)));
  if (!request.policy.archive) TRY(mint_waiver(t, sandbox, event));
  std::map<std::string, std::string> metadata = {
      {"name", sandbox.resource.name},
      {"on_archive_failure",
       request.policy.on_archive_failure == DeletePolicy::OnArchiveFailure::waive ? "waive" : "hold"},
      {"archive_retention_seconds",
       std::to_string(std::chrono::duration_cast<std::chrono::seconds>(request.policy.archive_retention).count())}};
  metadata.merge(story(request));
  const auto root = TRY(cleanup_tree::plant(t, random_, sandbox.resource, request.policy, event, std::move(metadata)));

  mark_deleting(sandbox.resource, t.now());
  lifetime::end(sandbox.lifetime, deleting);
  sandbox.work = {};
  sandbox.ending = Ending{request.reason, caller.actor, t.now()};
  sandbox.cleanup_task = root.text;
  TRY(t.sandboxes().update(sandbox));
  t.wakes.settled.push_back(sandbox.resource.id);
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
  const auto event =
      TRY(audit(t, random_, caller, "archive.delete_accepted", archive.resource, {{"reason", request.reason}}));
  const auto root = TRY(cleanup_tree::plant(t, random_, archive.resource, request.policy, event,
                                            {{"name", archive.sandbox_name}, {"reason", request.reason}}));
  mark_deleting(archive.resource, t.now());
  lifetime::end(archive.lifetime, State::deleting);
  TRY(t.archives().update(archive));
  return root;
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

Status Deletion::mint_waiver(Transaction& t, const Sandbox& sandbox, const EventId& event) const {
  return t.archives().put_permit(
      DeletePermit::from_waiver(layer_of(sandbox, installation_), sandbox.resource.generation, event));
}

/// An archive that is being made right now may still succeed, and is not waited for once it fails.
Status Deletion::waive_failure(Transaction& t, const Caller& caller, const Sandbox& sandbox,
                               const DeleteRequest& request) const {
  Task root = TRY(t.tasks().get({sandbox.cleanup_task}));
  if (std::exchange(root.metadata["on_archive_failure"], "waive") == "waive") return {};
  TRY(audit(t, random_, caller, "sandbox.archive_waived", sandbox.resource, story(request)));
  return t.tasks().update(root);
}

/// Its bytes may go now, and an event says who said so.
Result<EventId> Deletion::waive(Transaction& t, const Caller& caller, const Sandbox& sandbox,
                                const DeleteRequest& request) const {
  const auto event = TRY(audit(t, random_, caller, "sandbox.archive_waived", sandbox.resource, story(request)));
  TRY(mint_waiver(t, sandbox, event));
  return event;
}

/// A failed root goes on with its next stage; one whose archive was not begun simply has one step less.
Status Deletion::skip_archive(Transaction& t, const Caller& caller, Task step, const EventId& waiver) const {
  const bool was_waiting = step.phase == Phase::waiting;
  step = cleanup::record(std::move(step), Status(), t.now(), 0);
  step.metadata["waived_by"] = caller.actor;
  step.metadata["waiver"] = waiver.text;
  if (was_waiting) return t.tasks().update(step);
  Task parent = TRY(t.tasks().get(step.parent));
  parent.phase = Phase::children;
  parent.work = {};
  TRY(t.tasks().update(parent));
  return cleanup_tree::settle(t, random_, step);
}

Result<bool> Deletion::permitted(Transaction& t, const Sandbox& sandbox) const {
  const auto layer = layer_of(sandbox, installation_);
  const auto permit = TRY(t.archives().find_permit(layer));
  return permit && permit->covers(layer, sandbox.resource.generation);
}

Result<TaskId> Deletion::waive_archive(Transaction& t, const Caller& caller, const Sandbox& sandbox,
                                       const DeleteRequest& request) const {
  const TaskId root{sandbox.cleanup_task};
  for (const auto& step : TRY(t.tasks().children(root))) {
    if (step.verb == Verb::archive_sandbox && step.phase == Phase::running) {
      TRY(waive_failure(t, caller, sandbox, request));
    } else if (step.verb == Verb::archive_sandbox && step.phase != Phase::completed) {
      TRY(skip_archive(t, caller, step, TRY(waive(t, caller, sandbox, request))));
    } else if (step.verb == Verb::destroy_sandbox && step.phase == Phase::failed && !TRY(permitted(t, sandbox))) {
      // Its archive is done with and gave no permit: this is the way on.
      TRY(waive(t, caller, sandbox, request));
      TRY(cleanup_tree::retry(t, step));
    }
  }
  return root;
}

}  // namespace mayfly
