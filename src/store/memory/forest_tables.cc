#include "store/memory/forest_tables.h"

#include "store/rules.h"

namespace mayfly::memory {

namespace {

template <class Row>
Row itself(const Row& row) {
  return row;
}

const Resource& resource_in(const Resource& row) { return row; }
template <class Row>
const Resource& resource_in(const Row& row) {
  return row.resource;
}

/// Every table whose rows are resources.
template <class See>
void each_table(const Rows& rows, See see) {
  see(rows.organizations);
  see(rows.workspaces);
  see(rows.sandboxes);
  see(rows.archives);
  see(rows.volumes);
  see(rows.image_contents);
  see(rows.records);
  see(rows.runtimes);
}

}  // namespace

Result<Resource> MemoryResourceTable::get(const ResourceId& id) {
  const Resource* found = nullptr;
  each_table(draft_.rows(), [&](const auto& table) {
    if (const auto* row = look_up(table, id)) found = &resource_in(*row);
  });
  if (!found) return tl::unexpected(rules::missing("resource", id.text));
  return *found;
}

Result<std::vector<Resource>> MemoryResourceTable::in(const ResourceId& parent, Kind kind, const std::string& after,
                                                      std::size_t limit) {
  std::vector<Resource> found;
  each_table(draft_.rows(), [&](const auto& table) {
    for (const auto& [id, whole] : table) {
      const Resource& row = resource_in(whole);
      const auto& place = kind == Kind::element ? row.parent : row.workspace;
      const bool there = place == parent && row.kind == kind && row.state != State::gone;
      if (there && row.id.text > after && found.size() < limit) found.push_back(row);
    }
  });
  return found;
}

Result<Record> MemoryRecordTable::get(const ResourceId& id) {
  const auto* row = look_up(draft_.rows().records, id);
  if (!row) return tl::unexpected(rules::missing("record", id.text));
  return *row;
}

Status MemoryRecordTable::put(const Record& record) {
  const auto& mine = record.resource;
  for (const auto& [id, row] : draft_.rows().records) {
    const auto& other = row.resource;
    if (mine.name_held && other.name_held && other.kind == mine.kind && other.workspace == mine.workspace &&
        other.name == mine.name && id != mine.id)
      return tl::unexpected(rules::name_taken(describe(mine.kind).name, mine.name));
  }
  return draft_.put(&Rows::records, mine.id, record);
}

Status MemoryRecordTable::insert(const Record& record) {
  const auto& id = record.resource.id;
  if (draft_.rows().records.contains(id)) return tl::unexpected(rules::id_taken(id.text));
  return put(record);
}

Status MemoryRecordTable::update(const Record& record) {
  CHECK(draft_.rows().records.contains(record.resource.id));
  return put(record);
}

Result<std::vector<Record>> MemoryRecordTable::scan(Kind kind, const std::string& after, std::size_t limit) {
  const auto matches = [&](const Record& row) {
    return row.resource.kind == kind && row.resource.state != State::gone;
  };
  return following(draft_.rows().records, after, limit, matches, itself<Record>);
}

Result<std::optional<Trashed>> MemoryTrashTable::find(const ResourceId& id) {
  const auto* row = look_up(draft_.rows().trash, id);
  return row ? std::optional(*row) : std::nullopt;
}

Status MemoryTrashTable::put(const Trashed& row) { return draft_.put(&Rows::trash, row.id, row); }

Status MemoryTrashTable::remove(const ResourceId& id) {
  return draft_.rows().trash.contains(id) ? draft_.erase(&Rows::trash, id) : Status();
}

Result<std::vector<Trashed>> MemoryTrashTable::of_kind(Kind kind, const std::string& after, std::size_t limit) {
  return following(
      draft_.rows().trash, after, limit, [&](const Trashed& row) { return row.kind == kind; }, itself<Trashed>);
}

Result<std::vector<Trashed>> MemoryTrashTable::in(const ResourceId& scope, const std::string& after,
                                                  std::size_t limit) {
  return following(
      draft_.rows().trash, after, limit, [&](const Trashed& row) { return row.scope == scope && !row.restoring; },
      itself<Trashed>);
}

Result<Hold> MemoryHoldTable::get(const HoldId& id) {
  const auto* row = look_up(draft_.rows().holds, id);
  if (!row) return tl::unexpected(rules::missing("hold", id.text));
  return *row;
}

Status MemoryHoldTable::insert(const Hold& hold) {
  if (draft_.rows().holds.contains(hold.id)) return tl::unexpected(rules::id_taken(hold.id.text));
  return draft_.put(&Rows::holds, hold.id, hold);
}

Status MemoryHoldTable::update(const Hold& hold) {
  CHECK(draft_.rows().holds.contains(hold.id));
  return draft_.put(&Rows::holds, hold.id, hold);
}

Result<std::vector<Hold>> MemoryHoldTable::keeping(const ResourceId& resource, Time now, std::size_t limit) {
  std::vector<Hold> found;
  for (const auto& [id, row] : draft_.rows().holds)
    if (stands(row, now) && keeps(row, resource) && found.size() < limit) found.push_back(row);
  return found;
}

}  // namespace mayfly::memory
