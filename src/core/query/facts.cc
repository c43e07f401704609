#include "core/query/facts.h"

namespace mayfly::query {

namespace {

Datum or_null(const std::string& text) { return text.empty() ? Datum() : Datum(text); }
Datum or_null(const std::optional<Time>& at) { return at ? Datum(microseconds(*at)) : Datum(); }
Datum text(std::string_view word) { return std::string(word); }

}  // namespace

Facts facts_of(const Task& task) {
  return {task.id.text,
          or_null(task.parent.text),
          task.workspace.text,
          or_null(task.source.text),
          text(name(task.verb)),
          task.resource.text,
          task.metadata,
          static_cast<std::int64_t>(status_of(task.phase)),
          static_cast<std::int64_t>(task.work.attempts),
          or_null(task.work.last_error),
          microseconds(task.created_at),
          or_null(task.completed_at),
          or_null(task.started_at),
          task.root.text,
          text(name(task.phase)),
          or_null(task.work.error_code),
          static_cast<std::int64_t>(!resource_level(task.verb))};
}

Facts facts_of(const Event& event) {
  return {event.id.text, event.type, event.subject.text, event.workspace.text, event.actor, or_null(event.request_id),
          event.data, microseconds(event.at), or_null(event.parent.text), or_null(event.user.text)};
}

Facts facts_of_workspace(const Resource& workspace) {
  return {workspace.id.text, workspace.name, text(name(workspace.state)), microseconds(workspace.created_at),
          or_null(workspace.deleted_at), microseconds(workspace.updated_at)};
}

Facts facts_of(const Resource& resource) {
  auto facts = facts_of_workspace(resource);
  facts.emplace_back(resource.workspace.text);
  if (resource.kind == Kind::element) facts.emplace_back(resource.parent.text);
  return facts;
}

Facts facts_of(const Trashed& trashed) {
  return {trashed.id.text,     text(describe(trashed.kind).name), trashed.name,       trashed.scope.text,
          text(name(trashed.tier)), microseconds(trashed.deleted_at),  trashed.deleted_by, or_null(trashed.purge_at)};
}

Facts facts_of(const Hold& hold) {
  return {hold.id.text,  hold.resource.text,            hold.workspace.text,        hold.owner,
          hold.reason,   microseconds(hold.created_at), or_null(hold.expires_at), or_null(hold.ended_at)};
}

}  // namespace mayfly::query
