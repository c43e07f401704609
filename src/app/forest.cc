#include "app/forest.h"

#include "app/audit.h"
#include "app/ids.h"
#include "app/kinds.h"
#include "app/seat.h"
#include "base/failpoint.h"
#include "core/volume.h"

namespace mayfly {

namespace {

tl::unexpected<Error> none(Kind kind, const std::string& id) {
  const std::string word(describe(kind).name);
  return fail(Code::not_found,
              "no " + word + " \"" + id.substr(0, 80) + "\"" + (kind == Kind::workspace ? " for this key"
                                                                                          : " in this workspace"),
              word + "_not_found");
}

/// Nobody can act in one that is in the trash or on its way out; an admin whose key is not limited still sees it.
Result<bool> sees_workspace(Transaction& t, const Caller& caller, const Resource& row) {
  if (row.state != State::active) return caller.role == Role::admin && caller.only.empty();
  auto seat = seat_in(t, caller.user, caller.role, caller.only, row.id.text);
  if (seat) return true;
  if (seat.error().code == Code::not_found) return false;
  return tl::unexpected(std::move(seat).error());
}

Status check_name(Kind kind, const std::string& name) {
  return kind == Kind::database ? check_volume_name(name) : check_record_name(name);
}

}  // namespace

Result<Entry> entry_of(Transaction& t, const ResourceId& id) {
  Entry entry{TRY(t.resources().get(id))};
  if (entry.resource.kind == Kind::element) entry.content = TRY(t.records().get(id)).content;
  if (entry.resource.kind == Kind::database) entry.size_mb = TRY(t.volumes().get(id)).size_mb;
  if (entry.resource.state == State::trashed) entry.trashed = TRY(t.trash().find(id));
  return entry;
}

Result<Entry> visible_entry(Transaction& t, const Caller& caller, Kind kind, const std::string& id) {
  if (kind_of_id(id) != kind) return none(kind, id);
  auto row = t.resources().get({id});
  if (!row && row.error().code != Code::not_found) return tl::unexpected(std::move(row).error());
  if (!row || row->state == State::gone) return none(kind, id);
  if (kind == Kind::workspace) {
    if (!TRY(sees_workspace(t, caller, *row))) return none(kind, id);
  } else if (row->workspace != caller.workspace) {
    return none(kind, id);
  } else if (row->parent != row->workspace && TRY(t.resources().get(row->parent)).state == State::trashed) {
    return none(kind, id);
  }
  return entry_of(t, {id});
}

Result<Entry> Forest::create(const Caller& caller, Kind kind, const Wish& wish) {
  TRY(require(caller, Role::member));
  TRY(check_name(kind, wish.name));
  auto made = store_.write([&](Transaction& t) -> Result<Entry> {
    Record record;
    auto& row = record.resource;
    row.parent = row.workspace = caller.workspace;
    if (kind == Kind::element) row.parent = TRY(visible_entry(t, caller, Kind::app, wish.app)).resource.id;
    TRY(refuse_closed(t, row.parent));
    row.id = {new_id(describe(kind).prefix, t, random_)};
    row.kind = kind;
    row.name = wish.name;
    // An element is known by its id; two of one name do no harm.
    row.name_held = kind != Kind::element;
    row.created_at = row.updated_at = t.now();
    record.content = wish.content;
    TRY(t.records().insert(record));
    TRY(audit(t, random_, caller, std::string(describe(kind).name) + ".created", row, {{"name", row.name}}));
    return entry_of(t, row.id);
  });
  FAILPOINT("create_record.after_commit");
  return made;
}

Result<Entry> Forest::get(const Caller& caller, Kind kind, const std::string& id) {
  return store_.read([&](Transaction& t) { return visible_entry(t, caller, kind, id); });
}

Result<Plan> Forest::plan(const Caller& caller, const std::string& id) {
  return store_.read([&](Transaction& t) -> Result<Plan> {
    const auto kind = kind_of_id(id).value_or(Kind::organization);
    if (describe(kind).trashed) return plan_of(t, TRY(visible_entry(t, caller, kind, id)).resource);
    auto row = t.resources().get({id});
    if (!row && row.error().code != Code::not_found) return tl::unexpected(std::move(row).error());
    const bool there = row && describe(kind).parent == Kind::workspace && row->workspace == caller.workspace &&
                       row->state != State::gone;
    if (there) return plan_of(t, *row);
    return fail(Code::not_found, "nothing \"" + id.substr(0, 80) + "\" in this workspace", "resource_not_found");
  });
}

Result<Entry> Forest::change(const Caller& caller, Kind kind, const std::string& id, const Change& change) {
  return store_.write([&](Transaction& t) -> Result<Entry> {
    const auto entry = TRY(visible_entry(t, caller, kind, id));
    TRY(require(caller, Role::member));
    if (change.name) TRY(check_name(kind, *change.name));
    TRY(refuse_closed(t, entry.resource.id));
    if (change.content && *change.content != entry.content) {
      auto record = TRY(t.records().get(entry.resource.id));
      record.content = *change.content;
      TRY(t.records().update(record));
    }
    TRY(change_row(t, entry.resource.id, [&](Resource& row) {
      if (change.name) row.name = *change.name;
      row.updated_at = t.now();
    }));
    TRY(audit(t, random_, caller, std::string(describe(kind).name) + ".changed", entry.resource));
    return entry_of(t, entry.resource.id);
  });
}

}  // namespace mayfly
