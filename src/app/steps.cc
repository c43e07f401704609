#include "app/steps.h"

#include <charconv>

#include "app/audit.h"
#include "app/deletion.h"
#include "base/failpoint.h"
#include "core/lifecycle.h"

namespace mayfly {

namespace {

// A waiver given beforehand is for archives that cannot be made, not for a disk that was busy for a moment.
constexpr int attempts_before_waiver = 3;

Status nothing_more(Transaction&) { return {}; }

Duration retention_in(const Task& root) {
  const auto found = root.metadata.find("archive_retention_seconds");
  std::int64_t value = std::chrono::duration_cast<std::chrono::seconds>(archive_retention).count();
  if (found != root.metadata.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return std::chrono::seconds(value);
}

}  // namespace

Commit Steps::record_only(const Task& task) const {
  switch (task.verb) {
    case Verb::forget_sandbox: return forget_sandbox(task.resource);
    case Verb::forget_archive: return forget_archive(task.resource);
    case Verb::forget_image:
      return [this, id = task.resource](Transaction& t) { return images_.forget(t, id); };
    case Verb::stop_sandbox: case Verb::archive_sandbox: case Verb::destroy_sandbox: case Verb::confirm_sandbox:
    case Verb::destroy_archive: case Verb::delete_sandbox: case Verb::delete_archive: case Verb::delete_image:
    case Verb::destroy_image: case Verb::confirm_image: return {};
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
  CHECK(task.verb == Verb::destroy_image || task.verb == Verb::confirm_image);
  TRY(task.verb == Verb::destroy_image ? images_.destroy(task.resource) : images_.confirm(task.resource));
  return nothing_more;
}

Result<Commit> Steps::perform_verb(const Task& task) {
  if (kind_of_id(task.resource.text) == Kind::image) return image_step(task);
  if (kind_of_id(task.resource.text) == Kind::archive) {
    const auto archive = TRY(store_.read([&](Transaction& t) { return t.archives().get(task.resource); }));
    CHECK(task.verb == Verb::destroy_archive);
    return destroy_archive(archive);
  }
  const auto sandbox = TRY(store_.read([&](Transaction& t) { return t.sandboxes().get(task.resource); }));
  switch (task.verb) {
    case Verb::stop_sandbox: return stop(sandbox);
    case Verb::archive_sandbox: return archive(task, sandbox);
    case Verb::destroy_sandbox: return destroy(sandbox);
    case Verb::confirm_sandbox: return confirm(sandbox);
    case Verb::delete_sandbox: case Verb::forget_sandbox: case Verb::delete_archive: case Verb::destroy_archive:
    case Verb::forget_archive: case Verb::delete_image: case Verb::destroy_image: case Verb::confirm_image:
    case Verb::forget_image: break;
  }
  CHECK(false);
}

Result<Commit> Steps::stop(const Sandbox& sandbox) {
  const auto incarnation = incarnation_of(sandbox, installation_);
  FAILPOINT("stop_sandbox.before_kill");
  TRY(driver_.kill(incarnation));
  FAILPOINT("stop_sandbox.after_kill");
  TRY(driver_.release(incarnation));
  FAILPOINT("stop_sandbox.after_release");
  return nothing_more;
}

Result<Commit> Steps::archive(const Task& task, const Sandbox& sandbox) {
  const auto root = TRY(store_.read([&](Transaction& t) { return t.tasks().get(task.root); }));
  FAILPOINT("archive_sandbox.before_effect");
  auto done = archiver_.archive(sandbox, retention_in(root));
  FAILPOINT("archive_sandbox.after_effect");
  if (done) return Commit([this, sandbox, done = *done](Transaction& t) { return archiver_.commit(t, sandbox, done); });

  // Whoever asked for this delete may have said beforehand that it must not wait for an archive that cannot be made.
  // Or while this attempt was under way.
  const auto said = TRY(store_.read([&](Transaction& t) { return t.tasks().get(task.root); })).metadata;
  const auto policy = said.find("on_archive_failure");
  const bool waived = policy != said.end() && policy->second == "waive";
  const bool hopeless = retry::classify(done.error().code) == retry::Class::permanent ||
                        task.work.attempts >= attempts_before_waiver;
  if (!waived || !hopeless) return tl::unexpected(done.error());
  const std::string why = done.error().message;
  return Commit([this, sandbox, why](Transaction& t) -> Status {
    const auto event = TRY(audit(t, random_, Caller::system("cleanup", sandbox.resource.workspace),
                                 "sandbox.archive_waived", sandbox.resource, {{"reason", "archive failed: " + why}}));
    return t.archives().put_permit(
        DeletePermit::from_waiver(layer_of(sandbox, installation_), sandbox.resource.generation, event));
  });
}

Result<Commit> Steps::destroy(const Sandbox& sandbox) {
  const auto layer = layer_of(sandbox, installation_);
  const auto permit = TRY(store_.read([&](Transaction& t) { return t.archives().find_permit(layer); }));
  if (!permit || !permit->covers(layer, sandbox.resource.generation))
    return fail(Code::internal,
                "no permit covers the files of " + sandbox.resource.id.text + " at generation " +
                    std::to_string(sandbox.resource.generation) + ": they are neither archived nor waived",
                "no_permit");
  FAILPOINT("destroy_sandbox.before_effect");
  TRY(driver_.discard(layer, *permit));
  FAILPOINT("destroy_sandbox.after_effect");
  return nothing_more;
}

Result<Commit> Steps::confirm(const Sandbox& sandbox) {
  FAILPOINT("confirm_sandbox.before_effect");
  TRY(driver_.erase(layer_of(sandbox, installation_)));
  FAILPOINT("confirm_sandbox.after_effect");
  const auto presence = TRY(driver_.inspect(incarnation_of(sandbox, installation_)));
  if (presence.left.empty()) return nothing_more;
  const auto& first = presence.left.front();
  return fail(Code::busy,
              std::to_string(presence.left.size()) + " things of " + sandbox.resource.id.text +
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

Result<Commit> Steps::destroy_archive(const Archive& archive) {
  const bool in_use = TRY(store_.read([&](Transaction& t) { return t.archives().get(archive.resource.id)
      .and_then([&](const Archive& row) { return t.sandboxes().restores_from(row.resource.id); }); }));
  if (in_use)
    return fail(Code::busy, "archive " + archive.resource.id.text + " is being restored into a sandbox", "in_use");
  FAILPOINT("destroy_archive.before_effect");
  TRY(blobs_.remove(archive.key));
  TRY(blobs_.remove(manifest_key(archive)));
  FAILPOINT("destroy_archive.after_effect");
  const auto left = blobs_.stat(archive.key);
  if (left) return fail(Code::unavailable, "the object " + archive.key + " is still there after its removal");
  if (left.error().code != Code::not_found) return tl::unexpected(left.error());
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
