#include "store/sql/forest_tables.h"

#include "store/rules.h"
#include "store/sql/resource_rows.h"

namespace mayfly::sql {

namespace {

Record read_record(Row& row) {
  Record record;
  record.resource = read_resource(row);
  record.content = row.text();
  return record;
}

const std::string select_resource = "SELECT " + std::string(resource_columns) + " FROM resource r";
const std::string select_record = "SELECT " + std::string(resource_columns) + R"(, d.content
      FROM resource r
      JOIN record d ON d.id = r.id)";

}  // namespace

Result<Resource> SqlResourceTable::get(const ResourceId& id) {
  static const auto text = select_resource + " WHERE r.id = $1";
  auto found = TRY(database_.first(text, {id}, read_resource));
  if (!found) return tl::unexpected(rules::missing("resource", id.text));
  return std::move(*found);
}

/// Elements have an index of what they lie in; whatever else lies in a workspace is found by that.
Result<std::vector<Resource>> SqlResourceTable::in(const ResourceId& parent, Kind kind, const std::string& after,
                                                   std::size_t limit) {
  static const auto elements = select_resource + R"(
      WHERE r.parent = $1
      AND r.kind = 'element'
      AND r.kind = $2
      AND r.gone = 0
      AND r.id > $3
      ORDER BY r.id
      LIMIT $4)";
  static const auto others = select_resource + R"(
      WHERE r.workspace = $1
      AND r.kind = $2
      AND r.gone = 0
      AND r.id > $3
      ORDER BY r.id
      LIMIT $4)";
  const auto& text = kind == Kind::element ? elements : others;
  return database_.all(text, {parent, describe(kind).name, after, limit}, read_resource);
}

Result<Record> SqlRecordTable::get(const ResourceId& id) {
  static const auto text = select_record + " WHERE r.id = $1";
  auto found = TRY(database_.first(text, {id}, read_record));
  if (!found) return tl::unexpected(rules::missing("record", id.text));
  return std::move(*found);
}

Status SqlRecordTable::insert(const Record& record) {
  TRY(insert_resource(database_, record.resource));
  TRY(database_.exec(R"(
      INSERT INTO record (id, content)
      VALUES ($1, $2))",
                     {record.resource.id, record.content}));
  return {};
}

Status SqlRecordTable::update(const Record& record) {
  TRY(update_resource(database_, record.resource));
  const auto changed = TRY(database_.exec(R"(
      UPDATE record
      SET content = $2
      WHERE id = $1)",
                                          {record.resource.id, record.content}));
  CHECK(changed == 1);
  return {};
}

Result<std::vector<Record>> SqlRecordTable::scan(Kind kind, const std::string& after, std::size_t limit) {
  static const auto text = select_record + R"(
      WHERE r.kind = $1
      AND r.gone = 0
      AND r.id > $2
      ORDER BY r.id
      LIMIT $3)";
  return database_.all(text, {describe(kind).name, after, limit}, read_record);
}

namespace {

Trashed read_trashed(Row& row) {
  Trashed trashed;
  trashed.id = row.id<ResourceId>();
  trashed.kind = row.word(parse_kind);
  trashed.name = row.text();
  trashed.scope = row.id<ResourceId>();
  trashed.tier = row.word(parse_tier);
  trashed.deleted_at = row.time();
  trashed.deleted_by = row.text();
  trashed.purge_at = row.optional_time();
  trashed.event = row.id<EventId>();
  trashed.restoring = row.flag();
  return trashed;
}

const std::string select_trashed =
    "SELECT id, kind, name, scope, tier, deleted_at, deleted_by, purge_at, event, restoring FROM trash";

}  // namespace

Result<std::optional<Trashed>> SqlTrashTable::find(const ResourceId& id) {
  static const auto text = select_trashed + " WHERE id = $1";
  return database_.first(text, {id}, read_trashed);
}

Status SqlTrashTable::put(const Trashed& row) {
  TRY(remove(row.id));
  TRY(database_.exec(R"(
      INSERT INTO trash (id, kind, name, scope, tier, deleted_at, deleted_by, purge_at, event, restoring)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10))",
                     {row.id, describe(row.kind).name, row.name, row.scope, name(row.tier), row.deleted_at,
                      row.deleted_by, row.purge_at, row.event, row.restoring}));
  return {};
}

Status SqlTrashTable::remove(const ResourceId& id) {
  TRY(database_.exec("DELETE FROM trash WHERE id = $1", {id}));
  return {};
}

Result<std::vector<Trashed>> SqlTrashTable::of_kind(Kind kind, const std::string& after, std::size_t limit) {
  static const auto text = select_trashed + R"(
      WHERE kind = $1
      AND id > $2
      ORDER BY id
      LIMIT $3)";
  return database_.all(text, {describe(kind).name, after, limit}, read_trashed);
}

Result<std::vector<Trashed>> SqlTrashTable::in(const ResourceId& scope, const std::string& after, std::size_t limit) {
  static const auto text = select_trashed + R"(
      WHERE scope = $1
      AND restoring = 0
      AND id > $2
      ORDER BY id
      LIMIT $3)";
  return database_.all(text, {scope, after, limit}, read_trashed);
}

namespace {

Hold read_hold(Row& row) {
  Hold hold;
  hold.id = row.id<HoldId>();
  hold.resource = row.id<ResourceId>();
  hold.parent = row.id<ResourceId>();
  hold.workspace = row.id<ResourceId>();
  hold.owner = row.text();
  hold.reason = row.text();
  hold.created_at = row.time();
  hold.expires_at = row.optional_time();
  hold.ended_at = row.optional_time();
  hold.ended_by = row.text();
  return hold;
}

const std::string select_hold =
    "SELECT id, resource, parent, workspace, owner, reason, created_at, expires_at, ended_at, ended_by FROM hold";

}  // namespace

Result<Hold> SqlHoldTable::get(const HoldId& id) {
  static const auto text = select_hold + " WHERE id = $1";
  auto found = TRY(database_.first(text, {id}, read_hold));
  if (!found) return tl::unexpected(rules::missing("hold", id.text));
  return std::move(*found);
}

Status SqlHoldTable::insert(const Hold& hold) {
  const auto inserted = TRY(database_.exec(R"(
      INSERT INTO hold (id, resource, parent, workspace, owner, reason, created_at, expires_at, ended_at, ended_by)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
      ON CONFLICT DO NOTHING)",
                                           {hold.id, hold.resource, hold.parent, hold.workspace, hold.owner,
                                            hold.reason, hold.created_at, hold.expires_at, hold.ended_at,
                                            hold.ended_by}));
  if (inserted == 0) return tl::unexpected(rules::id_taken(hold.id.text));
  return {};
}

Status SqlHoldTable::update(const Hold& hold) {
  const auto changed = TRY(database_.exec(R"(
      UPDATE hold
      SET expires_at = $2, ended_at = $3, ended_by = $4
      WHERE id = $1)",
                                          {hold.id, hold.expires_at, hold.ended_at, hold.ended_by}));
  CHECK(changed == 1);
  return {};
}

/// Three looks, each by its own index, at every delete: most find nothing. One with OR would walk the table.
Result<std::vector<Hold>> SqlHoldTable::keeping(const ResourceId& resource, Time now, std::size_t limit) {
  static const auto text = select_hold + R"(
      WHERE id IN (SELECT id FROM hold WHERE resource = $1 AND ended_at IS NULL
                   UNION ALL SELECT id FROM hold WHERE parent = $1 AND ended_at IS NULL
                   UNION ALL SELECT id FROM hold WHERE workspace = $1 AND ended_at IS NULL)
      AND (expires_at IS NULL OR expires_at > $2)
      ORDER BY id
      LIMIT $3)";
  return database_.all(text, {resource, now, limit}, read_hold);
}

}  // namespace mayfly::sql
