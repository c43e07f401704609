#include "app/archives.h"

#include "app/audit.h"

namespace mayfly {

namespace {

tl::unexpected<Error> wrong_state(const Archive& archive) {
  const auto state = std::string(name(archive.resource.state));
  return fail(Code::conflict, "archive " + archive.resource.id.text + " is " + state, "state_" + state);
}

Status require_active(const Archive& archive) {
  if (archive.resource.state == State::active) return {};
  return wrong_state(archive);
}

/// What was archived before a delete was kept whatever the quota said; keeping it longer is somebody's choice.
Status refuse_to_keep(Transaction& t, const Archive& archive) {
  const auto& workspace = archive.resource.workspace;
  const auto row = TRY(t.identities().find_workspace(workspace.text));
  if (!row || !row->quota.archive_bytes) return {};
  auto used = TRY(t.usage().of(workspace));
  used.archive_bytes -= archive.stored_bytes;
  return check_quota({.archive_bytes = row->quota.archive_bytes}, used, {.archive_bytes = archive.stored_bytes});
}

}  // namespace

Result<Archive> Archives::visible(Transaction& t, const Caller& caller, const std::string& id) const {
  auto archive = t.archives().get({id});
  if (!archive && archive.error().code != Code::not_found) return archive;
  if (!archive || archive->resource.workspace != caller.workspace || archive->resource.state == State::gone)
    return fail(Code::not_found, "no archive \"" + id.substr(0, 80) + "\" in this workspace", "archive_not_found");
  return archive;
}

Result<Archive> Archives::get(const Caller& caller, const std::string& id) {
  return store_.read([&](Transaction& t) { return visible(t, caller, id); });
}

Result<std::vector<Archive>> Archives::list(const Caller& caller, ArchiveFilter filter, const Page& page) {
  filter.workspace = caller.workspace;
  return store_.read([&](Transaction& t) { return t.archives().list(filter, page); });
}

Result<std::unique_ptr<Source>> Archives::content(const Archive& archive) {
  TRY(require_active(archive));
  return blobs_.open(archive.key);
}

Result<std::unique_ptr<Source>> Archives::plain_content(const Archive& archive) {
  return reader_.plain(TRY(content(archive)));
}

Result<ArchivedFile> Archives::file(const Archive& archive, const std::string& path) {
  auto found = TRY(reader_.file(TRY(content(archive)), path));
  // A name of something that came earlier: one more pass, for the reader only goes forward.
  if (!found.same_as.empty()) found = TRY(reader_.file(TRY(content(archive)), found.same_as));
  if (found.content) return found;
  return fail(Code::conflict, "archive " + archive.resource.id.text + " is damaged: a name of a name",
              "archive_damaged");
}

Status Archives::visit(const Archive& archive, const std::string& path, const ArchiveVisitor& visitor) {
  return reader_.visit(*TRY(content(archive)), path, visitor);
}

Result<std::unique_ptr<Source>> Archives::manifest(const Archive& archive, std::int64_t offset) {
  TRY(require_active(archive));
  return blobs_.open_at(manifest_key(archive), offset);
}

Result<Archive> Archives::change_expiry(const Caller& caller, const std::string& id,
                                        const std::function<Status(Transaction&, Lifetime&)>& change) {
  TRY(require(caller, Role::member));
  return store_.write([&](Transaction& t) -> Result<Archive> {
    Archive archive = TRY(visible(t, caller, id));
    TRY(require_active(archive));
    if (lifetime::expired(archive.lifetime, t.moment(), installation_.down))
      return fail(Code::conflict, "archive " + id + " has already expired", "expired");
    const auto before = archive.lifetime.expires_at;
    TRY(change(t, archive.lifetime));
    const auto& after = archive.lifetime.expires_at;
    if (before && (!after || *after > *before)) TRY(refuse_to_keep(t, archive));
    TRY(t.lifetimes().update(archive.lifetime));
    t.wakes.deadline_at(archive.lifetime.wake_at);
    const auto& ends = archive.lifetime.expires_at;
    TRY(audit(t, random_, caller, "archive.expiry_set", archive.resource,
              {{"expires_at", ends ? format(*ends) : "never"}}));
    return archive;
  });
}

Result<Archive> Archives::set_expiry(const Caller& caller, const std::string& id, const ArchiveExpiry& expiry) {
  return change_expiry(caller, id, [&](Transaction& t, Lifetime& life) -> Status {
    LifetimePolicy policy;
    policy.max_age = expiry.retention;
    policy.at = expiry.at;
    lifetime::set(life, policy, t.moment(), installation_.down);
    return {};
  });
}

Result<Archive> Archives::keep_longer(const Caller& caller, const std::string& id, const lifetime::Extension& wish) {
  return change_expiry(caller, id, [&](Transaction& t, Lifetime& life) {
    return mayfly::keep_longer(life, wish, t.moment(), installation_.down);
  });
}

Result<TaskId> Archives::remove(const Caller& caller, const std::string& id) {
  TRY(require(caller, Role::member));
  return store_.write([&](Transaction& t) -> Result<TaskId> {
    Archive archive = TRY(visible(t, caller, id));
    if (archive.resource.state == State::writing)
      return fail(Code::conflict, "archive " + id + " is still being written", "state_writing");
    if (TRY(deletion_.rests_on(t, archive)))
      return fail(Code::conflict, "the delete of " + archive.sandbox.text + " rests on archive " + id +
                                      ": it can be deleted when that has completed", "archive_needed");
    return deletion_.begin(t, caller, std::move(archive), {.policy = {.archive = false}, .reason = "request"});
  });
}

}  // namespace mayfly
