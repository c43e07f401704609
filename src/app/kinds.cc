#include "app/kinds.h"

#include <algorithm>

namespace mayfly {

namespace {

constexpr std::size_t named_holds = 5;

/// Volumes repeat their state where deadlines look.
void settle_state(Volume& row) { row.lifetime.state = row.resource.state; }
void settle_state(Record&) {}

template <class Row, class Table>
Status change_in(Table& table, const ResourceId& id, const std::function<void(Resource&)>& change) {
  Row row = TRY(table.get(id));
  change(row.resource);
  settle_state(row);
  return table.update(row);
}

}  // namespace

std::string called(const Resource& resource) {
  return std::string(describe(resource.kind).name) + " " + (resource.name.empty() ? "" : resource.name + " ") + "(" +
         resource.id.text + ")";
}

Status change_row(Transaction& t, const ResourceId& id, const std::function<void(Resource&)>& change) {
  const auto kind = kind_of_id(id.text);
  CHECK(kind && describe(*kind).trashed);
  if (describe(*kind).has_bytes) return change_in<Volume>(t.volumes(), id, change);
  if (*kind != Kind::workspace) return change_in<Record>(t.records(), id, change);
  auto row = TRY(t.identities().find_workspace(id.text));
  CHECK(row.has_value());
  change(row->resource);
  return t.identities().update_workspace(*row);
}

Status refuse_closed(Transaction& t, const ResourceId& parent) {
  const auto row = TRY(t.resources().get(parent));
  if (row.state == State::trashed)
    return fail(Code::conflict, called(row) + " is in the trash: restore it first, then make something in it",
                "parent_trashed");
  if (row.state == State::deleting || row.state == State::gone)
    return fail(Code::conflict, called(row) + " is being deleted: nothing new is made in it", "parent_deleting");
  if (row.workspace && row.workspace != row.id) return refuse_closed(t, row.workspace);
  return {};
}

Status refuse_held(Transaction& t, const Resource& resource) {
  const auto holds = TRY(t.holds().keeping(resource.id, t.now(), named_holds + 1));
  if (holds.empty()) return {};
  std::string names;
  for (std::size_t i = 0; i < std::min(holds.size(), named_holds); ++i)
    names += (i == 0 ? "" : "; ") + holds[i].id.text + " of " + holds[i].owner + " on " + holds[i].resource.text +
             " (" + holds[i].reason + ")";
  if (holds.size() > named_holds) names += "; and others";
  return fail(Code::conflict, called(resource) + " is held and is not deleted: " + names, "held");
}

Result<TaskId> delete_task_of(Transaction& t, const ResourceId& id) {
  for (const auto& task :
       TRY(t.tasks().list({.workspace = {}, .status = {}, .resource = id}, {.before = {}, .limit = 1})))
    return task.id;
  return TaskId();
}

}  // namespace mayfly
