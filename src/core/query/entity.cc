#include "core/query/entity.h"

#include <algorithm>
#include <array>

#include "base/result.h"
#include "core/cleanup.h"

namespace mayfly::query {

namespace {

template <class Enum>
std::vector<std::string_view> names_up_to(Enum last) {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(last); ++i) names.push_back(name(static_cast<Enum>(i)));
  return names;
}

// Of statuses, in the order of a life: sorting by status means this order.
const std::vector<std::string_view> statuses = names_up_to(TaskStatus::failed);
const std::vector<std::string_view> phases = names_up_to(Phase::failed);
/// Also those of kinds that are not here yet: whoever asks for them finds none.
std::vector<std::string_view> all_verb_names() {
  auto names = verb_names();
  for (const std::string_view coming : {"delete_workspace", "delete_app", "delete_element", "delete_database"})
    if (std::ranges::find(names, coming) == names.end()) names.push_back(coming);
  return names;
}

const std::vector<std::string_view> verbs = all_verb_names();
const std::vector<std::string_view> states = names_up_to(State::gone);

const std::array task_fields = {
    Field{.name = "id", .type = Type::id, .sortable = true},
    Field{.name = "parentId", .type = Type::id, .nullable = true, .indexed = true},
    Field{.name = "workspaceId", .type = Type::id},
    Field{.name = "sourceEventId", .type = Type::id, .nullable = true, .indexed = true},
    Field{.name = "resourceType", .type = Type::word, .sortable = true, .words = verbs},
    Field{.name = "resourceId", .type = Type::id, .indexed = true},
    Field{.name = "metadata", .type = Type::map},
    Field{.name = "status", .type = Type::word, .sortable = true, .words = statuses, .ranked = true},
    Field{.name = "attempts", .type = Type::integer, .sortable = true},
    Field{.name = "lastError", .type = Type::text, .nullable = true},
    Field{.name = "createdAt", .type = Type::time, .sortable = true, .follows_id = true},
    Field{.name = "completedAt", .type = Type::time, .nullable = true, .sortable = true},
    Field{.name = "startedAt", .type = Type::time, .nullable = true},
    Field{.name = "rootId", .type = Type::id, .indexed = true},
    Field{.name = "phase", .type = Type::word, .words = phases},
    Field{.name = "errorCode", .type = Type::text, .nullable = true},
    Field{.name = "step", .type = Type::flag},
};
constexpr std::array task_relations = {
    Relation{"parent", Listed::cleanup_task, "parentId", "id"},
    Relation{"children", Listed::cleanup_task, "id", "parentId", true},
    Relation{"workspace", Listed::workspace, "workspaceId", "id"},
    Relation{"sourceEvent", Listed::event, "sourceEventId", "id"},
};

constexpr std::array event_fields = {
    Field{.name = "id", .type = Type::id, .sortable = true},
    Field{.name = "type", .type = Type::text},
    Field{.name = "subjectId", .type = Type::id, .indexed = true},
    Field{.name = "workspaceId", .type = Type::id},
    Field{.name = "actor", .type = Type::text},
    Field{.name = "requestId", .type = Type::text, .nullable = true},
    Field{.name = "data", .type = Type::map},
    Field{.name = "createdAt", .type = Type::time, .sortable = true, .follows_id = true},
};
constexpr std::array event_relations = {
    Relation{"workspace", Listed::workspace, "workspaceId", "id"},
    Relation{"cleanupTasks", Listed::cleanup_task, "id", "sourceEventId", true},
};

const std::array workspace_fields = {
    Field{.name = "id", .type = Type::id, .sortable = true},
    Field{.name = "name", .type = Type::text},
    Field{.name = "state", .type = Type::word, .words = states},
    Field{.name = "createdAt", .type = Type::time},
    Field{.name = "deletedAt", .type = Type::time, .nullable = true},
};

const std::array entities = {
    Entity{Listed::cleanup_task, "cleanup task", "clt_", task_fields, task_relations, 2},
    Entity{Listed::event, "event", "evt_", event_fields, event_relations, 3},
    Entity{Listed::workspace, "workspace", "wsp_", workspace_fields, {}, 0},
};

}  // namespace

const Entity& entity(Listed what) { return entities[static_cast<std::size_t>(what)]; }

std::optional<std::size_t> field_named(const Entity& entity, std::string_view name) {
  for (std::size_t i = 0; i < entity.fields.size(); ++i)
    if (entity.fields[i].name == name) return i;
  return std::nullopt;
}

std::size_t place_of(const Entity& entity, std::string_view name) {
  const auto found = field_named(entity, name);
  CHECK(found.has_value());
  return *found;
}

std::string spelled(std::string_view camel, Spelling spelling) {
  if (spelling == Spelling::camel) return std::string(camel);
  std::string snake;
  for (const char c : camel) {
    if (c >= 'A' && c <= 'Z') snake += '_';
    snake += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return snake;
}

}  // namespace mayfly::query
