#include "store/sql/archive_table.h"

#include "store/rules.h"
#include "store/sql/columns.h"
#include "store/sql/resource_rows.h"

namespace mayfly::sql {

namespace {

const std::string own_columns =
    std::string(spec_columns) +
    ", sandbox, sandbox_name, layer, sandbox_generation, blob_key, manifest_digest, entries, content_bytes, left_out,"
    " stored_bytes, verified_at, left_out_paths, verify_error";

std::vector<Parameter> own_values(const Archive& archive) {
  std::vector<Parameter> values = {archive.resource.id};
  append_spec(values, archive.spec);
  values.insert(values.end(), {archive.sandbox, archive.sandbox_name, archive.layer, archive.generation, archive.key,
                               archive.content.digest, archive.content.entries, archive.content.content_bytes,
                               archive.content.left_out, archive.stored_bytes, archive.verified_at,
                               to_json(archive.content.left_out_paths), archive.verify_error});
  return values;
}

Archive read_archive(Row& row) {
  Archive archive;
  archive.resource = read_resource(row);
  archive.lifetime = read_lifetime(row);
  archive.spec = read_spec(row);
  archive.sandbox = row.id<ResourceId>();
  archive.sandbox_name = row.text();
  archive.layer = row.small();
  archive.generation = row.small();
  archive.key = row.text();
  archive.content.digest = row.text();
  archive.content.entries = row.integer();
  archive.content.content_bytes = row.integer();
  archive.content.left_out = row.integer();
  archive.stored_bytes = row.integer();
  archive.verified_at = row.optional_time();
  archive.content.left_out_paths = row.text_list();
  archive.verify_error = row.text();
  return archive;
}

const std::string select = "SELECT " + std::string(resource_columns) + ", " + std::string(lifetime_columns) + ", " +
                           qualified("a", own_columns) + R"(
      FROM resource r
      JOIN archive a ON a.id = r.id
      JOIN lifetime l ON l.id = r.id)";

}  // namespace

Result<Archive> SqlArchiveTable::get(const ResourceId& id) {
  static const auto text = select + " WHERE r.id = $1";
  auto found = TRY(database_.first(text, {id}, read_archive));
  if (!found) return tl::unexpected(rules::missing("archive", id.text));
  return std::move(*found);
}

Status SqlArchiveTable::insert(const Archive& archive) {
  static const auto text = insert_text("archive", own_columns);
  TRY(insert_resource(database_, archive.resource));
  if (TRY(database_.exec(text, own_values(archive))) == 0)
    return tl::unexpected(rules::id_taken(archive.resource.id.text));
  return lifetimes_.insert(rules::lifetime_of(archive.resource, archive.lifetime));
}

Status SqlArchiveTable::update(const Archive& archive) {
  static const auto text = update_text("archive", own_columns);
  TRY(update_resource(database_, archive.resource));
  const auto changed = TRY(database_.exec(text, own_values(archive)));
  CHECK(changed == 1);
  return lifetimes_.update(rules::lifetime_of(archive.resource, archive.lifetime));
}

Result<std::vector<Archive>> SqlArchiveTable::list(const ArchiveFilter& filter, const Page& page) {
  const auto parts = parts_of(filter.states.empty() ? std::vector{State::active} : filter.states);
  const auto part = [&](const auto& add_states) {
    Query query(select);
    query.add(" WHERE r.kind = 'archive'");
    if (filter.workspace) query.add(" AND r.workspace = ?", {filter.workspace});
    if (filter.sandbox) query.add(" AND a.sandbox = ?", {*filter.sandbox});
    add_states(query);
    if (!page.before.empty()) query.add(" AND r.id < ?", {page.before});
    query.add(" ORDER BY r.id DESC LIMIT ?", {page.limit});
    return database_.all(query.text(), query.parameters(), read_archive);
  };
  std::vector<Archive> living;
  std::vector<Archive> gone;
  if (parts.living) living = TRY(part([&](Query& query) { add_living(query, parts); }));
  if (parts.gone) gone = TRY(part(add_gone));
  return merged(std::move(living), std::move(gone), page.limit);
}

Result<std::vector<Archive>> SqlArchiveTable::scan(const std::string& after, std::size_t limit) {
  static const auto text = select + R"(
      WHERE r.kind = 'archive'
      AND r.gone = 0
      AND r.id > $1
      ORDER BY r.id
      LIMIT $2)";
  return database_.all(text, {after, limit}, read_archive);
}

Result<bool> SqlArchiveTable::needs_image(const std::string& digest) {
  return database_.any(R"(
      SELECT 1
      FROM resource r
      CROSS JOIN archive a
      WHERE r.kind = 'archive'
      AND r.gone = 0
      AND a.id = r.id
      AND a.image_digest = $1
      LIMIT 1)",
                       {digest});
}

Status SqlArchiveTable::put_permit(const DeletePermit& permit) {
  const auto& layer = permit.layer();
  TRY(database_.exec(R"(
      INSERT INTO permit (instance, uid, layer, generation, archive, waiver)
      VALUES ($1, $2, $3, $4, $5, $6)
      ON CONFLICT (uid, layer, instance) DO UPDATE
      SET generation = excluded.generation, archive = excluded.archive, waiver = excluded.waiver)",
                     {layer.instance, hex(layer.uid), layer.layer, permit.generation(), permit.archive(),
                      permit.waiver()}));
  return {};
}

Result<std::optional<DeletePermit>> SqlArchiveTable::find_permit(const LayerRef& layer) {
  return database_.first(R"(
      SELECT generation, archive, waiver
      FROM permit
      WHERE uid = $1
      AND layer = $2
      AND instance = $3)",
                         {hex(layer.uid), layer.layer, layer.instance}, [&](Row& row) {
                           const auto generation = row.small();
                           auto archive = row.id<ResourceId>();
                           auto waiver = row.id<EventId>();
                           return archive ? DeletePermit::from_verified_archive(layer, generation, std::move(archive))
                                          : DeletePermit::from_waiver(layer, generation, std::move(waiver));
                         });
}

Status SqlArchiveTable::drop_permit(const LayerRef& layer) {
  TRY(database_.exec(R"(
      DELETE FROM permit
      WHERE uid = $1
      AND layer = $2
      AND instance = $3)",
                     {hex(layer.uid), layer.layer, layer.instance}));
  return {};
}

}  // namespace mayfly::sql
