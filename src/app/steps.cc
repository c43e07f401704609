#include "app/steps.h"

#include <charconv>

#include "app/audit.h"
#include "app/deletion.h"
#include "app/kinds.h"
#include "base/failpoint.h"
#include "core/lifecycle.h"

namespace mayfly {

namespace {

// A waiver given beforehand is for archives that cannot be made, not for a disk that was busy for a moment.
constexpr std::size_t lives_at_once = 100;   // sandboxes of a workspace that are looked at for those of a runtime
constexpr int attempts_before_waiver = 3;

Status nothing_more(Transaction&) { return {}; }

Duration retention_in(const Task& root) {
  const auto found = root.metadata.find("archive_retention_seconds");
  std::int64_t value = std::chrono::duration_cast<std::chrono::seconds>(archive_retention).count();
  if (found != root.metadata.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return std::chrono::seconds(value);
}

/// What a sandbox need not be counted for any longer. A volume is counted until it is forgotten.
Commit gives_back(const Holder& holder, const std::function<void(Sandbox&)>& change) {
  if (holder.resource.kind != Kind::sandbox) return nothing_more;
  return [id = holder.resource.id, change](Transaction& t) -> Status {
    Sandbox row = TRY(t.sandboxes().get(id));
    change(row);
    return t.sandboxes().update(row);
  };
}

}  // namespace

Commit Steps::record_only(const Task& task) const {
  if (act_of(task.verb) != Act::forget) return {};
  switch (kind_of(task.verb)) {
    case Kind::sandbox: return forget_sandbox(task.resource);
    case Kind::archive: return forget_archive(task.resource);
    case Kind::volume: case Kind::database: return forget_volume(task.resource);
    case Kind::workspace: case Kind::app: case Kind::element: return forget_plain(task.resource);
    case Kind::image: return [this, id = task.resource](Transaction& t) { return images_.forget(t, id); };
    case Kind::runtime: return forget_runtime(task.resource);
    case Kind::organization: break;
  }
  CHECK(false);
}

Result<Commit> Steps::perform(const Task& task) {
  if (auto commit = record_only(task)) return commit;
  auto done = perform_verb(task);
  // Absent is success inside the driver and the blob store, which know what they removed. Whatever else was not found
  // here is an outcome that nobody understands yet.
  if (!done && done.error().code == Code::not_found) {
    Error error = done.error();
    error.code = Code::unknown;
    return tl::unexpected(error);
  }
  return done;
}

Result<Commit> Steps::image_step(const Task& task) {
  const auto act = act_of(task.verb);
  CHECK(act == Act::destroy || act == Act::confirm);
  TRY(act == Act::destroy ? images_.destroy(task.resource) : images_.confirm(task.resource));
  return nothing_more;
}

Result<Commit> Steps::perform_verb(const Task& task) {
  if (kind_of(task.verb) == Kind::image) return image_step(task);
  if (kind_of(task.verb) == Kind::runtime) return confirm_runtime(task.resource);
  if (kind_of(task.verb) == Kind::archive) {
    const auto archive = TRY(store_.read([&](Transaction& t) { return t.archives().get(task.resource); }));
    CHECK(act_of(task.verb) == Act::destroy);
    return destroy_archive(archive);
  }
  if (!describe(kind_of(task.verb)).has_bytes) {
    TRY(act_of(task.verb) == Act::empty ? emptying_.empty(task) : emptying_.confirm(task));
    return nothing_more;
  }
  const auto holder = TRY(store_.read([&](Transaction& t) { return find_holder(t, task.resource); }));
  switch (act_of(task.verb)) {
    case Act::stop: return stop(holder);
    case Act::archive: TRY(refuse_mounted(holder)); return archive(task, holder);
    case Act::destroy: TRY(refuse_mounted(holder)); return destroy(holder);
    case Act::confirm: return confirm(holder);
    case Act::whole: case Act::empty: case Act::forget: break;
  }
  CHECK(false);
}

/// Of what was accepted while it is in use: it goes when nothing mounts it any more.
Status Steps::refuse_mounted(const Holder& holder) {
  if (holder.resource.kind == Kind::sandbox) return {};
  return store_.read([&](Transaction& t) -> Status {
    const auto sandboxes = TRY(t.volumes().mounted_by(holder.resource.id, 1));
    if (sandboxes.empty()) return {};
    const auto by = TRY(t.sandboxes().get(sandboxes.front()));
    return fail(Code::busy,
                called(holder.resource) + " is mounted by " + called(by.resource) +
                    ": it goes when that is deleted, also what is stopped",
                "mounted");
  });
}

Status Steps::end_container(const Holder& holder) {
  const auto incarnation = incarnation_of(holder, installation_);
  FAILPOINT("stop_sandbox.before_kill");
  TRY(driver_.kill(incarnation));
  FAILPOINT("stop_sandbox.after_kill");
  TRY(driver_.release(incarnation));
  FAILPOINT("stop_sandbox.after_release");
  return {};
}

Result<Commit> Steps::stop(const Holder& holder) {
  TRY(end_container(holder));
  return gives_back(holder, [](Sandbox& row) { row.holds_compute = false; });
}

Result<Commit> Steps::archive(const Task& task, const Holder& holder) {
  const auto root = TRY(store_.read([&](Transaction& t) { return t.tasks().get(task.parent); }));
  // A start that an earlier life of the server had begun may have landed after the step that stopped it.
  if (task.work.attempts > 1 && holder.resource.kind == Kind::sandbox) TRY(end_container(holder));
  FAILPOINT("archive_sandbox.before_effect");
  auto done = archiver_.archive(holder, retention_in(root));
  FAILPOINT("archive_sandbox.after_effect");
  if (done) return Commit([this, holder, done = *done](Transaction& t) { return archiver_.commit(t, holder, done); });

  // Whoever asked for this delete may have said beforehand that it must not wait for an archive that cannot be made.
  // Or while this attempt was under way.
  const auto said = TRY(store_.read([&](Transaction& t) { return t.tasks().get(task.parent); })).metadata;
  const auto policy = said.find("on_archive_failure");
  const auto reason = said.find("reason");
  // Files that were missing when somebody said so, and are there again, are not what was waived.
  const bool came_back = reason != said.end() && reason->second == "files_missing" &&
                         done.error().reason != "layer_missing";
  const bool waived = policy != said.end() && policy->second == "waive" && !came_back;
  const bool hopeless = retry::classify(done.error().code) == retry::Class::permanent ||
                        task.work.attempts >= attempts_before_waiver;
  if (!waived || !hopeless) return tl::unexpected(done.error());
  const std::string why = done.error().message;
  return Commit([this, holder, why](Transaction& t) -> Status {
    const auto type = std::string(describe(holder.resource.kind).name) + ".archive_waived";
    const auto event = TRY(audit(t, random_, Caller::system("cleanup", holder.resource.workspace), type,
                                 holder.resource, {{"reason", "archive failed: " + why}}));
    return t.archives().put_permit(
        DeletePermit::from_waiver(layer_of(holder, installation_), holder.resource.generation, event));
  });
}

Result<Commit> Steps::destroy(const Holder& holder) {
  const auto layer = layer_of(holder, installation_);
  const auto permit = TRY(store_.read([&](Transaction& t) { return t.archives().find_permit(layer); }));
  if (!permit || !permit->covers(layer, holder.resource.generation))
    return fail(Code::internal,
                "no permit covers the files of " + holder.resource.id.text + " at generation " +
                    std::to_string(holder.resource.generation) + ": they are neither archived nor waived",
                "no_permit");
  FAILPOINT("destroy_sandbox.before_effect");
  TRY(driver_.discard(layer, *permit));
  FAILPOINT("destroy_sandbox.after_effect");
  return nothing_more;
}

Result<Commit> Steps::confirm(const Holder& holder) {
  FAILPOINT("confirm_sandbox.before_effect");
  const auto layer = layer_of(holder, installation_);
  TRY(driver_.erase(layer));
  FAILPOINT("confirm_sandbox.after_effect");
  if (TRY(driver_.has_layer(layer)))
    return fail(Code::busy, "the files of " + holder.resource.id.text + " are still on the host", "still_present");
  const auto presence = TRY(driver_.inspect(incarnation_of(holder, installation_)));
  if (presence.left.empty()) return gives_back(holder, [](Sandbox& row) { row.holds_storage = false; });
  const auto& first = presence.left.front();
  return fail(Code::busy,
              std::to_string(presence.left.size()) + " things of " + holder.resource.id.text +
                  " are still on the host, first a " + std::string(name(first.what)) + ": " + first.where,
              "still_present");
}

Commit Steps::forget_sandbox(const ResourceId& id) const {
  return [this, id](Transaction& t) -> Status {
    Sandbox row = TRY(t.sandboxes().get(id));
    set_state(row, TRY(lifecycle::next(row.resource.state, lifecycle::Move::forgotten)));
    row.resource.updated_at = t.now();
    TRY(t.sandboxes().update(row));
    TRY(t.archives().drop_permit(layer_of(row, installation_)));
    TRY(audit(t, random_, Caller::system("cleanup", row.resource.workspace), "sandbox.gone", row.resource));
    t.wakes.settled.push_back(id);
    return {};
  };
}

Commit Steps::forget_volume(const ResourceId& id) const {
  return [this, id](Transaction& t) -> Status {
    Volume row = TRY(t.volumes().get(id));
    set_state(row, State::gone);
    row.resource.updated_at = t.now();
    TRY(t.volumes().update(row));
    TRY(t.archives().drop_permit(layer_of(row, installation_)));
    TRY(audit(t, random_, Caller::system("cleanup", row.resource.workspace),
              std::string(describe(row.resource.kind).name) + ".gone", row.resource));
    t.wakes.settled.push_back(id);
    return {};
  };
}

Commit Steps::forget_plain(const ResourceId& id) const {
  return [this, id](Transaction& t) -> Status {
    TRY(change_row(t, id, [&](Resource& row) {
      row.state = State::gone;
      row.updated_at = t.now();
    }));
    const auto row = TRY(t.resources().get(id));
    TRY(audit(t, random_, Caller::system("cleanup", row.workspace), std::string(describe(row.kind).name) + ".gone",
              row));
    t.wakes.settled.push_back(id);
    return {};
  };
}

/// The record goes after what it was a record of: all lives of it, also those whose delete began before.
Result<Commit> Steps::confirm_runtime(const ResourceId& id) {
  FAILPOINT("confirm_runtime.before_effect");
  const auto left = TRY(store_.read([&](Transaction& t) -> Result<std::optional<Sandbox>> {
    const auto runtime = TRY(t.runtimes().get(id));
    std::string after;
    for (bool more = true; more;) {
      const auto page = TRY(t.resources().in(runtime.resource.workspace, Kind::sandbox, after, lives_at_once));
      for (const auto& row : page)
        if (row.parent == id) return std::optional(TRY(t.sandboxes().get(row.id)));
      more = page.size() == lives_at_once;
      if (more) after = page.back().id.text;
    }
    return std::optional<Sandbox>();
  }));
  if (!left) return nothing_more;
  const auto task = TRY(store_.read([&](Transaction& t) { return t.tasks().get({left->cleanup_task}); }));
  const auto text = "sandbox " + left->resource.id.text + " of runtime " + id.text + " is still " +
                    std::string(name(left->resource.state)) + "; its cleanup task " + task.id.text;
  if (task.phase == Phase::failed)
    return fail(Code::conflict, text + " has failed: " + task.work.last_error, "sandbox_delete_failed");
  return fail(Code::busy, text + " is at it", "sandbox_still_there");
}

Commit Steps::forget_runtime(const ResourceId& id) const {
  return [this, id](Transaction& t) -> Status {
    Runtime row = TRY(t.runtimes().get(id));
    row.resource.state = State::gone;
    row.resource.updated_at = t.now();
    TRY(t.runtimes().update(row));
    TRY(audit(t, random_, Caller::system("cleanup", row.resource.workspace), "runtime.gone", row.resource));
    t.wakes.settled.push_back(id);
    return {};
  };
}

Result<Commit> Steps::destroy_archive(const Archive& archive) {
  const auto& id = archive.resource.id;
  const bool in_use = TRY(store_.read([&](Transaction& t) -> Result<bool> {
    return TRY(t.sandboxes().restores_from(id)) || TRY(t.volumes().restores_from(id));
  }));
  if (in_use) return fail(Code::busy, "archive " + id.text + " is being restored", "in_use");
  FAILPOINT("destroy_archive.before_effect");
  TRY(blobs_.remove(archive.key));
  TRY(blobs_.remove(manifest_key(archive)));
  FAILPOINT("destroy_archive.after_effect");
  for (const auto& key : {archive.key, manifest_key(archive)}) {
    const auto left = blobs_.stat(key);
    if (left) return fail(Code::unavailable, "the object " + key + " is still there after its removal");
    if (left.error().code != Code::not_found) return tl::unexpected(left.error());
  }
  return nothing_more;
}

Commit Steps::forget_archive(const ResourceId& id) const {
  return [this, id](Transaction& t) -> Status {
    Archive row = TRY(t.archives().get(id));
    row.resource.state = row.lifetime.state = State::gone;
    row.resource.updated_at = t.now();
    TRY(t.archives().update(row));
    TRY(audit(t, random_, Caller::system("cleanup", row.resource.workspace), "archive.gone", row.resource));
    return {};
  };
}

}  // namespace mayfly
