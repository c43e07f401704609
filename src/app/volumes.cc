#include "app/volumes.h"

#include "app/audit.h"
#include "app/ids.h"
#include "app/kinds.h"
#include "app/quotas.h"
#include "base/failpoint.h"

namespace mayfly {

namespace {

Error no_such_volume(const std::string& id_or_name, Kind kind = Kind::volume) {
  const std::string word(describe(kind).name);
  return {Code::not_found, "no " + word + " \"" + id_or_name.substr(0, 80) + "\" in this workspace",
          word + "_not_found", {}};
}

Result<Archive> archive_for(Transaction& t, const Caller& caller, const std::string& id) {
  const auto archive = t.archives().get({id});
  if (!archive || archive->resource.workspace != caller.workspace || archive->resource.state != State::active)
    return fail(Code::not_found, "no archive \"" + id.substr(0, 80) + "\" in this workspace", "archive_not_found");
  if (of_volume(*archive)) return *archive;
  return fail(Code::conflict,
              "archive " + id + " is of a sandbox: what it holds fits only over its image. Restore it into a sandbox",
              "archive_of_sandbox");
}

}  // namespace

Result<Volume> find_volume(Transaction& t, const Caller& caller, const std::string& id_or_name, Kind kind) {
  if (kind_of_id(id_or_name) == kind) {
    auto found = t.volumes().get({id_or_name});
    if (found && found->resource.workspace == caller.workspace) return found;
    if (!found && found.error().code != Code::not_found) return found;
  } else if (check_volume_name(id_or_name)) {
    if (auto found = TRY(t.volumes().find_named(caller.workspace, id_or_name, kind))) return *found;
  }
  return tl::unexpected(no_such_volume(id_or_name, kind));
}

Result<std::vector<VolumeMount>> resolve_mounts(Transaction& t, const Caller& caller,
                                                const std::vector<VolumeMount>& wish) {
  TRY(check_mounts(wish));
  auto mounts = wish;
  for (auto& mount : mounts) {
    const auto volume = TRY(find_volume(t, caller, mount.volume.text, mount.kind));
    const auto state = volume.resource.state;
    if (state == State::gone) return tl::unexpected(no_such_volume(mount.volume.text, mount.kind));
    if (state != State::active)
      return fail(Code::conflict,
                  called(volume.resource) + " is " + std::string(name(state)) + " and cannot be mounted",
                  std::string(describe(mount.kind).name) + "_" + std::string(name(state)));
    mount.volume = volume.resource.id;
  }
  return mounts;
}

Result<Volume> Volumes::create(const Caller& caller, const NewVolume& wish) {
  TRY(require(caller, Role::member));
  if (!wish.name.empty()) TRY(check_volume_name(wish.name));
  if (before_create_) TRY(before_create_());
  const auto begun = TRY(begin(caller, wish));
  FAILPOINT("create_volume.after_row");
  const auto made = make(begun);
  FAILPOINT("create_volume.after_effect");
  auto finished = made ? finish(caller, begun.resource.id, *made) : Result<Volume>(tl::unexpected(made.error()));
  if (!finished) give_up(begun.resource.id);
  FAILPOINT("create_volume.after_commit");
  return finished;
}

/// Intent before effect: from here on nothing of it can be forgotten.
Result<Volume> Volumes::begin(const Caller& caller, const NewVolume& wish) {
  return store_.write([&](Transaction& t) -> Result<Volume> {
    Volume volume;
    auto& row = volume.resource;
    row.id = {new_id(describe(wish.kind).prefix, t, random_)};
    row.kind = wish.kind;
    row.parent = row.workspace = caller.workspace;
    TRY(refuse_closed(t, caller.workspace));
    row.name = wish.name.empty() ? std::string(describe(wish.kind).name) + "-" +
                                       row.id.text.substr(row.id.text.size() - 10)
                                 : wish.name;
    row.labels = wish.labels;
    row.created_at = row.updated_at = t.now();
    volume.size_mb = wish.size_mb.value_or(default_volume_mb);
    if (!wish.restore_from.empty()) {
      const auto archive = TRY(archive_for(t, caller, wish.restore_from));
      volume.restored_from = archive.resource.id;
      if (!wish.size_mb) volume.size_mb = archive.spec.resources.disk_mb;
      if (row.labels.empty()) row.labels = archive.resource.labels;
    }
    volume.maker = installation_.epoch;
    volume.lifetime = lifetime::begin(row.id, State::writing, {}, t.moment());
    set_state(volume, State::writing);
    TRY(refuse_over_quota(t, caller.workspace, {.disk_mb = volume.size_mb}));
    TRY(t.volumes().insert(volume));
    return volume;
  });
}

Result<Caveats> Volumes::make(const Volume& volume) {
  if (volume.restored_from) TRY(fill(volume));
  const auto layer = layer_of(volume, installation_);
  return volume.resource.kind == Kind::database ? databases_.make(layer, volume.size_mb)
                                                : driver_.make_volume(layer, volume.size_mb);
}

Status Volumes::fill(const Volume& volume) {
  const auto& source = volume.restored_from;
  const auto archive = TRY(store_.read([&](Transaction& t) { return t.archives().get(source); }));
  const auto tar = TRY(blobs_.open(archive.key));
  FAILPOINT("restore_volume.before_effect");
  const auto found = TRY(driver_.import_layer(layer_of(volume, installation_), *tar));
  FAILPOINT("restore_volume.after_effect");
  if (found.digest == archive.content.digest) return {};
  return fail(Code::internal,
              "archive " + source.text + " does not hold what was archived: its manifest digest is " + found.digest +
                  ", recorded was " + archive.content.digest,
              "archive_damaged");
}

Result<Volume> Volumes::finish(const Caller& caller, const ResourceId& id, const Caveats& caveats) {
  return store_.write([&](Transaction& t) -> Result<Volume> {
    Volume volume = TRY(t.volumes().get(id));
    if (volume.resource.state != State::writing)
      return fail(Code::conflict, called(volume.resource) + " was deleted while it was made", "deleted_while_made");
    set_state(volume, State::active);
    volume.maker = 0;
    volume.caveats = caveats;
    volume.resource.updated_at = t.now();
    TRY(t.volumes().update(volume));
    std::map<std::string, std::string> data = {{"size_mb", std::to_string(volume.size_mb)}};
    if (volume.restored_from) data["restored_from"] = volume.restored_from.text;
    TRY(audit(t, random_, caller, std::string(describe(volume.resource.kind).name) + ".created", volume.resource,
              std::move(data)));
    return volume;
  });
}

/// Nobody was told of it, but its name and its place in the quota are taken until it is deleted.
void Volumes::give_up(const ResourceId& id) {
  if (abandon(id)) return;
  const std::lock_guard guard(mutex_);
  given_up_.push_back(id);
}

Status Volumes::run_once() {
  std::vector<ResourceId> ids;
  {
    const std::lock_guard guard(mutex_);
    ids.swap(given_up_);
  }
  Status trouble;
  for (const auto& id : ids) {
    if (auto done = abandon(id); !done) {
      trouble = std::move(done);
      const std::lock_guard guard(mutex_);
      given_up_.push_back(id);
    }
  }
  return trouble;
}

Status Volumes::abandon(const ResourceId& id) {
  return store_.write([&](Transaction& t) -> Status {
    const Volume volume = TRY(t.volumes().get(id));
    if (volume.resource.state != State::writing) return {};
    TRY(deletion_.begin(t, Caller::system("volumes", volume.resource.workspace), volume,
                        {.policy = {.archive = false}, .reason = "not_made"}));
    return {};
  });
}

Result<Volume> Volumes::get(const Caller& caller, const std::string& id_or_name) {
  return store_.read([&](Transaction& t) { return find_volume(t, caller, id_or_name); });
}

Result<std::vector<Volume>> Volumes::list(const Caller& caller, VolumeFilter filter, const Page& page) {
  filter.workspace = caller.workspace;
  return store_.read([&](Transaction& t) { return t.volumes().list(filter, page); });
}

Result<VolumeDeletion> Volumes::remove(const Caller& caller, const std::string& id_or_name,
                                       const DeleteRequest& request) {
  TRY(require(caller, Role::member));
  auto accepted = store_.write([&](Transaction& t) -> Result<VolumeDeletion> {
    const Volume volume = TRY(find_volume(t, caller, id_or_name));
    if (volume.resource.state == State::gone) return tl::unexpected(no_such_volume(id_or_name));
    if (volume.resource.state == State::writing)
      return fail(Code::conflict, "volume " + volume.resource.id.text + " is still being made", "state_writing");
    const auto task = TRY(deletion_.begin(t, caller, volume, request));
    return VolumeDeletion{task, TRY(t.volumes().get(volume.resource.id))};
  });
  FAILPOINT("delete_volume.after_commit");
  return accepted;
}

}  // namespace mayfly
