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
          event.data, microseconds(event.at)};
}

Facts facts_of_workspace(const Resource& workspace) {
  return {workspace.id.text, workspace.name, text(name(workspace.state)), microseconds(workspace.created_at),
          or_null(workspace.deleted_at)};
}

}  // namespace mayfly::query
