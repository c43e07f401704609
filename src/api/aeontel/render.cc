#include "api/aeontel/render.h"

#include "core/host_words.h"
#include "json/bytes.h"

namespace mayfly::api::aeontel {

using boost::json::object;
using boost::json::value;

value or_null(const std::string& text) { return text.empty() ? value() : value(text); }
value or_null(const std::optional<Time>& at) { return at ? value(format(*at)) : value(); }

object render(const Task& task) {
  object metadata;
  for (const auto& [key, text] : task.metadata)
    metadata[json::as_text(key)] = json::as_text(without_host_words(text));
  const auto status = status_of(task.phase);
  return {{"id", task.id.text},
          {"parentId", or_null(task.parent.text)},
          {"workspaceId", task.workspace.text},
          {"sourceEventId", or_null(task.source.text)},
          {"resourceType", name(task.verb)},
          {"resourceId", task.resource.text},
          {"metadata", std::move(metadata)},
          {"status", name(status)},
          {"attempts", task.work.attempts},
          {"lastError", or_null(json::as_text(without_host_words(task.work.last_error)))},
          {"createdAt", format(task.created_at)},
          {"completedAt", status == TaskStatus::completed ? or_null(task.completed_at) : value()},
          {"startedAt", or_null(task.started_at)},
          {"rootId", task.root.text},
          {"phase", name(task.phase)},
          {"errorCode", or_null(task.work.error_code)},
          {"step", !resource_level(task.verb)},
          {"resourceKind", describe(kind_of(task.verb)).name},
          {"nextAttemptAt", or_null(task.work.next_attempt_at)}};
}

}  // namespace mayfly::api::aeontel
