#include "store/memory/volume_table.h"

#include <algorithm>

#include "store/rules.h"

namespace mayfly::memory {

namespace {

bool matches(const VolumeFilter& filter, const Volume& volume) {
  const auto& resource = volume.resource;
  if (resource.workspace != filter.workspace || resource.kind != Kind::volume) return false;
  const auto& states = filter.states;
  if (states.empty() ? resource.state == State::gone
                     : std::find(states.begin(), states.end(), resource.state) == states.end())
    return false;
  return std::includes(resource.labels.begin(), resource.labels.end(), filter.labels.begin(), filter.labels.end());
}

bool lives_in(const ResourceId& workspace, const Resource& resource) {
  return resource.workspace == workspace && resource.state != State::gone;
}

}  // namespace

Volume MemoryVolumeTable::whole(const Volume& row) const {
  Volume volume = row;
  volume.lifetime = draft_.rows().lifetimes.at(row.resource.id);
  return volume;
}

Result<Volume> MemoryVolumeTable::get(const ResourceId& id) {
  const auto* row = look_up(draft_.rows().volumes, id);
  if (!row) return tl::unexpected(rules::missing("volume", id.text));
  return whole(*row);
}

Result<std::optional<Volume>> MemoryVolumeTable::find_named(const ResourceId& workspace, const std::string& name,
                                                             Kind kind) {
  const Volume* best = nullptr;
  for (const auto& [id, row] : draft_.rows().volumes) {
    if (row.resource.workspace != workspace || row.resource.name != name || row.resource.kind != kind) continue;
    if (!best || !best->resource.name_held) best = &row;
  }
  if (!best) return std::optional<Volume>();
  return whole(*best);
}

Status MemoryVolumeTable::put(const Volume& volume) {
  const auto& resource = volume.resource;
  if (resource.name_held) {
    const auto holder = TRY(find_named(resource.workspace, resource.name, resource.kind));
    if (holder && holder->resource.name_held && holder->resource.id != resource.id)
      return tl::unexpected(rules::name_taken(describe(resource.kind).name, resource.name));
  }
  TRY(draft_.put(&Rows::lifetimes, resource.id, rules::lifetime_of(resource, volume.lifetime)));
  return draft_.put(&Rows::volumes, resource.id, volume);
}

Status MemoryVolumeTable::insert(const Volume& volume) {
  const auto& id = volume.resource.id;
  if (draft_.rows().volumes.contains(id)) return tl::unexpected(rules::id_taken(id.text));
  return put(volume);
}

Status MemoryVolumeTable::update(const Volume& volume) {
  CHECK(draft_.rows().volumes.contains(volume.resource.id));
  return put(volume);
}

Result<std::vector<Volume>> MemoryVolumeTable::list(const VolumeFilter& filter, const Page& page) {
  return newest(
      draft_.rows().volumes, page, [&](const Volume& row) { return matches(filter, row); },
      [this](const Volume& row) { return whole(row); });
}

Result<std::vector<Volume>> MemoryVolumeTable::scan(const std::string& after, std::size_t limit) {
  const auto living = [](const Volume& row) { return row.resource.state != State::gone; };
  return following(draft_.rows().volumes, after, limit, living, [this](const Volume& row) { return whole(row); });
}

Result<std::vector<ResourceId>> MemoryVolumeTable::mounted_by(const ResourceId& volume, std::size_t limit) {
  std::vector<ResourceId> found;
  for (const auto& [id, row] : draft_.rows().sandboxes) {
    const bool mounts = std::any_of(row.mounts.begin(), row.mounts.end(),
                                    [&](const VolumeMount& mount) { return mount.volume == volume; });
    if (mounts && row.resource.state != State::gone && found.size() < limit) found.push_back(id);
  }
  return found;
}

Result<bool> MemoryVolumeTable::restores_from(const ResourceId& archive) {
  const auto& rows = draft_.rows().volumes;
  return std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
    const Volume& volume = row.second;
    return volume.restored_from == archive && volume.maker != 0 && volume.resource.state == State::writing;
  });
}

Result<std::vector<Volume>> MemoryVolumeTable::made_by_others(std::int64_t epoch, std::size_t limit) {
  const auto orphaned = [&](const Volume& row) {
    return row.maker != 0 && row.maker != epoch && row.resource.state == State::writing;
  };
  return following(draft_.rows().volumes, "", limit, orphaned, [this](const Volume& row) { return whole(row); });
}

Result<WorkspaceUsage> MemoryUsageTable::of(const ResourceId& workspace) {
  WorkspaceUsage usage;
  for (const auto& [id, row] : draft_.rows().sandboxes) {
    if (!lives_in(workspace, row.resource)) continue;
    ++usage.sandboxes;
    if (row.holds_compute) {
      usage.cpus += row.spec.resources.cpus;
      usage.memory_mb += row.spec.resources.memory_mb;
    }
    if (row.holds_storage) usage.disk_mb += row.spec.resources.disk_mb;
  }
  for (const auto& [id, row] : draft_.rows().volumes)
    if (lives_in(workspace, row.resource)) usage.disk_mb += row.size_mb;
  for (const auto& [id, row] : draft_.rows().archives)
    if (lives_in(workspace, row.resource)) usage.archive_bytes += row.stored_bytes;
  return usage;
}

Result<std::int64_t> MemoryUsageTable::things(const ResourceId& workspace, std::int64_t) {
  std::int64_t things = 0;
  for (const auto& [id, row] : draft_.rows().sandboxes) things += lives_in(workspace, row.resource);
  for (const auto& [id, row] : draft_.rows().volumes) things += lives_in(workspace, row.resource);
  return things;
}

}  // namespace mayfly::memory
