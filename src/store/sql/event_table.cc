#include "store/sql/event_table.h"

#include "store/rules.h"

namespace mayfly::sql {

namespace {

Event read_event(Row& row) {
  Event event;
  event.id = row.id<EventId>();
  event.type = row.text();
  event.subject = row.id<ResourceId>();
  event.workspace = row.id<ResourceId>();
  event.actor = row.text();
  event.request_id = row.text();
  event.data = row.text_map();
  event.at = row.time();
  event.parent = row.id<EventId>();
  event.user = row.id<UserId>();
  return event;
}

}  // namespace

Status SqlEventTable::insert(const Event& event) {
  const auto inserted = TRY(database_.exec(R"(
      INSERT INTO event (id, type, subject, workspace, actor, request_id, data, happened_at, parent, app_user)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
      ON CONFLICT DO NOTHING)",
                                           {event.id, event.type, event.subject, event.workspace, event.actor,
                                            event.request_id, to_json(event.data), event.at, event.parent,
                                            event.user}));
  if (inserted == 0) return tl::unexpected(rules::id_taken(event.id.text));
  return {};
}

Result<Event> SqlEventTable::get(const EventId& id) {
  auto found = TRY(database_.first(R"(
      SELECT id, type, subject, workspace, actor, request_id, data, happened_at, parent, app_user
      FROM event
      WHERE id = $1)",
                                   {id}, read_event));
  if (!found) return tl::unexpected(rules::missing("event", id.text));
  return std::move(*found);
}

Result<std::vector<Event>> SqlEventTable::list(const EventFilter& filter, const Page& page) {
  Query query(R"(
      SELECT id, type, subject, workspace, actor, request_id, data, happened_at, parent, app_user
      FROM event
      WHERE 1 = 1)");
  if (filter.workspace) query.add(" AND workspace = ?", {filter.workspace});
  if (filter.subject) query.add(" AND subject = ?", {*filter.subject});
  if (!filter.type.empty()) query.add(" AND type = ?", {filter.type});
  if (!page.before.empty()) query.add(" AND id < ?", {page.before});
  query.add(" ORDER BY id DESC LIMIT ?", {page.limit});
  return database_.all(query.text(), query.parameters(), read_event);
}

}  // namespace mayfly::sql
