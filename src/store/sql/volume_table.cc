#include "store/sql/volume_table.h"

#include "store/rules.h"
#include "store/sql/columns.h"
#include "store/sql/resource_rows.h"

namespace mayfly::sql {

namespace {

const std::string own_columns = "size_mb, layer, restored_from, maker, caveats, cleanup_task";

std::vector<Parameter> own_values(const Volume& volume) {
  return {volume.resource.id, volume.size_mb, volume.layer, volume.restored_from, volume.maker,
          to_json(volume.caveats), volume.cleanup_task};
}

Volume read_volume(Row& row) {
  Volume volume;
  volume.resource = read_resource(row);
  volume.lifetime = read_lifetime(row);
  volume.size_mb = row.integer();
  volume.layer = row.small();
  volume.restored_from = row.id<ResourceId>();
  volume.maker = row.integer();
  volume.caveats = row.text_list();
  volume.cleanup_task = row.text();
  return volume;
}

const std::string columns = "SELECT " + std::string(resource_columns) + ", " + std::string(lifetime_columns) + ", " +
                            qualified("v", own_columns);
const std::string select = columns + R"(
      FROM resource r
      JOIN volume v ON v.id = r.id
      JOIN lifetime l ON l.id = r.id)";

}  // namespace

Result<Volume> SqlVolumeTable::get(const ResourceId& id) {
  static const auto text = select + " WHERE r.id = $1";
  auto found = TRY(database_.first(text, {id}, read_volume));
  if (!found) return tl::unexpected(rules::missing("volume", id.text));
  return std::move(*found);
}

Result<std::optional<Volume>> SqlVolumeTable::find_named(const ResourceId& workspace, const std::string& name,
                                                          Kind kind) {
  static const auto living = select + R"(
      WHERE r.workspace = $1
      AND r.kind = $3
      AND r.held_name = $2)";
  const auto word = describe(kind).name;
  auto found = TRY(database_.first(living, {workspace, name, word}, read_volume));
  if (found) return found;

  static const auto tombstone = select + R"(
      WHERE r.workspace = $1
      AND r.kind = $3
      AND r.name = $2
      AND r.held_name IS NULL
      ORDER BY r.id DESC
      LIMIT 1)";
  return database_.first(tombstone, {workspace, name, word}, read_volume);
}

Status SqlVolumeTable::insert(const Volume& volume) {
  static const auto text = insert_text("volume", own_columns);
  TRY(insert_resource(database_, volume.resource));
  if (TRY(database_.exec(text, own_values(volume))) == 0)
    return tl::unexpected(rules::id_taken(volume.resource.id.text));
  return lifetimes_.insert(rules::lifetime_of(volume.resource, volume.lifetime));
}

Status SqlVolumeTable::update(const Volume& volume) {
  static const auto text = update_text("volume", own_columns);
  TRY(update_resource(database_, volume.resource));
  const auto changed = TRY(database_.exec(text, own_values(volume)));
  CHECK(changed == 1);
  return lifetimes_.update(rules::lifetime_of(volume.resource, volume.lifetime));
}

Result<std::vector<Volume>> SqlVolumeTable::list(const VolumeFilter& filter, const Page& page) {
  const auto parts = parts_of(filter.states);
  const auto part = [&](const auto& add_states) {
    Query query(select);
    query.add(" WHERE r.workspace = ? AND r.kind = 'volume'", {filter.workspace});
    add_states(query);
    for (const auto& [key, value] : filter.labels)
      query.add(" AND r.id IN (SELECT resource FROM label WHERE name = ? AND value = ?)", {key, value});
    if (!page.before.empty()) query.add(" AND r.id < ?", {page.before});
    query.add(" ORDER BY r.id DESC LIMIT ?", {page.limit});
    return database_.all(query.text(), query.parameters(), read_volume);
  };
  std::vector<Volume> living;
  std::vector<Volume> gone;
  if (parts.living) living = TRY(part([&](Query& query) { add_living(query, parts); }));
  if (parts.gone) gone = TRY(part(add_gone));
  return merged(std::move(living), std::move(gone), page.limit);
}

Result<std::vector<Volume>> SqlVolumeTable::scan(const std::string& after, std::size_t limit) {
  static const auto text = select + R"(
      WHERE r.kind = $3
      AND r.gone = 0
      AND r.id > $1
      ORDER BY r.id
      LIMIT $2)";
  // Ids begin with their kind: all databases come before all volumes, each from its own part of the index.
  std::vector<Volume> found;
  for (const auto kind : {Kind::database, Kind::volume})
    if (found.size() < limit)
      for (auto& row : TRY(database_.all(text, {after, limit - found.size(), describe(kind).name}, read_volume)))
        found.push_back(std::move(row));
  return found;
}

Result<std::vector<ResourceId>> SqlVolumeTable::mounted_by(const ResourceId& volume, std::size_t limit) {
  return database_.all(R"(
      SELECT DISTINCT sandbox
      FROM sandbox_mount
      WHERE volume = $1
      ORDER BY sandbox
      LIMIT $2)",
                       {volume, limit}, [](Row& row) { return row.id<ResourceId>(); });
}

Result<bool> SqlVolumeTable::restores_from(const ResourceId& archive) {
  return database_.any(R"(
      SELECT 1
      FROM volume v
      JOIN resource r ON r.id = v.id
      WHERE v.restored_from = $1
      AND v.maker <> 0
      AND r.state = 'writing'
      LIMIT 1)",
                       {archive});
}

Result<std::vector<Volume>> SqlVolumeTable::made_by_others(std::int64_t epoch, std::size_t limit) {
  static const auto text = columns + R"(
      FROM volume v
      JOIN resource r ON r.id = v.id
      JOIN lifetime l ON l.id = v.id
      WHERE v.maker <> 0
      AND v.maker <> $1
      AND r.state = 'writing'
      ORDER BY v.id
      LIMIT $2)";
  return database_.all(text, {epoch, limit}, read_volume);
}

/// One pass over what lives in the workspace, by the index of the living.
Result<WorkspaceUsage> SqlUsageTable::of(const ResourceId& workspace) {
  const auto sandboxes = TRY(database_.first(R"(
      SELECT COUNT(*), COALESCE(SUM(s.cpus * s.holds_compute), 0), COALESCE(SUM(s.memory_mb * s.holds_compute), 0),
             COALESCE(SUM(s.disk_mb * s.holds_storage), 0)
      FROM resource r
      CROSS JOIN sandbox s
      WHERE r.workspace = $1
      AND r.kind = 'sandbox'
      AND r.gone = 0
      AND s.id = r.id)",
                                             {workspace}, [](Row& row) {
                                               WorkspaceUsage usage;
                                               usage.sandboxes = row.integer();
                                               usage.cpus = row.number();
                                               usage.memory_mb = row.integer();
                                               usage.disk_mb = row.integer();
                                               return usage;
                                             }));
  WorkspaceUsage usage = sandboxes.value_or(WorkspaceUsage{});
  const auto sum = [&](std::string_view text) -> Result<std::int64_t> {
    const auto found = TRY(database_.first(text, {workspace}, [](Row& row) { return row.integer(); }));
    return found.value_or(0);
  };
  usage.disk_mb += TRY(sum(R"(
      SELECT COALESCE(SUM(v.size_mb), 0)
      FROM resource r
      CROSS JOIN volume v
      WHERE r.workspace = $1
      AND r.kind IN ('volume', 'database')
      AND r.gone = 0
      AND v.id = r.id)"));
  usage.archive_bytes = TRY(sum(R"(
      SELECT COALESCE(SUM(a.stored_bytes), 0)
      FROM resource r
      CROSS JOIN archive a
      WHERE r.workspace = $1
      AND r.kind = 'archive'
      AND r.gone = 0
      AND a.id = r.id)"));
  return usage;
}

Result<std::int64_t> SqlUsageTable::things(const ResourceId& workspace, std::int64_t limit) {
  std::int64_t things = 0;
  for (const std::string_view kind : {"sandbox", "volume", "database"})
    things += TRY(database_.first(R"(
      SELECT COUNT(*)
      FROM (SELECT 1
            FROM resource
            WHERE workspace = $1
            AND kind = $2
            AND gone = 0
            LIMIT $3) AS some)",
                                  {workspace, kind, limit}, [](Row& row) { return row.integer(); }))
                  .value_or(0);
  return things;
}

}  // namespace mayfly::sql
