#include <algorithm>

#include "store/memory/resource_tables.h"
#include "store/rules.h"

namespace mayfly::memory {

namespace {

bool living(const Archive& archive) { return archive.resource.state != State::gone; }

bool matches(const ArchiveFilter& filter, const Archive& archive) {
  const auto& resource = archive.resource;
  if (filter.workspace && resource.workspace != filter.workspace) return false;
  if (filter.sandbox && archive.sandbox != *filter.sandbox) return false;
  if (filter.states.empty()) return resource.state == State::active;
  return std::find(filter.states.begin(), filter.states.end(), resource.state) != filter.states.end();
}

}  // namespace

Archive MemoryArchiveTable::whole(const Archive& row) const {
  Archive archive = row;
  archive.lifetime = draft_.rows().lifetimes.at(row.resource.id);
  return archive;
}

Result<Archive> MemoryArchiveTable::get(const ResourceId& id) {
  const auto* row = look_up(draft_.rows().archives, id);
  if (!row) return tl::unexpected(rules::missing("archive", id.text));
  return whole(*row);
}

Status MemoryArchiveTable::put(const Archive& archive) {
  const auto& resource = archive.resource;
  for (const auto& [id, row] : draft_.rows().archives)
    if (id != resource.id && resource.name_held && row.resource.name_held && row.resource.name == resource.name &&
        row.resource.workspace == resource.workspace)
      return tl::unexpected(rules::name_taken("archive", resource.name));
  TRY(draft_.put(&Rows::lifetimes, resource.id, rules::lifetime_of(resource, archive.lifetime)));
  return draft_.put(&Rows::archives, resource.id, archive);
}

Status MemoryArchiveTable::insert(const Archive& archive) {
  const auto& id = archive.resource.id;
  if (draft_.rows().archives.contains(id)) return tl::unexpected(rules::id_taken(id.text));
  return put(archive);
}

Status MemoryArchiveTable::update(const Archive& archive) {
  CHECK(draft_.rows().archives.contains(archive.resource.id));
  return put(archive);
}

Result<std::vector<Archive>> MemoryArchiveTable::list(const ArchiveFilter& filter, const Page& page) {
  return newest(
      draft_.rows().archives, page, [&](const Archive& row) { return matches(filter, row); },
      [this](const Archive& row) { return whole(row); });
}

Result<std::vector<Archive>> MemoryArchiveTable::scan(const std::string& after, std::size_t limit) {
  return following(draft_.rows().archives, after, limit, living, [this](const Archive& row) { return whole(row); });
}

Result<bool> MemoryArchiveTable::needs_image(const std::string& digest) {
  const auto& rows = draft_.rows().archives;
  return std::any_of(rows.begin(), rows.end(),
                     [&](const auto& row) { return living(row.second) && row.second.spec.image_digest == digest; });
}

Status MemoryArchiveTable::put_permit(const DeletePermit& permit) {
  return draft_.put(&Rows::permits, permit.layer(), permit);
}

Result<std::optional<DeletePermit>> MemoryArchiveTable::find_permit(const LayerRef& layer) {
  const auto* permit = look_up(draft_.rows().permits, layer);
  return permit ? std::optional(*permit) : std::nullopt;
}

Status MemoryArchiveTable::drop_permit(const LayerRef& layer) { return draft_.erase(&Rows::permits, layer); }

}  // namespace mayfly::memory
