#include "core/query/entity.h"

#include <algorithm>
#include <array>

#include "base/result.h"
#include "core/cleanup.h"
#include "core/trash.h"

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
const std::vector<std::string_view> verbs = verb_names();
const std::vector<std::string_view> states = names_up_to(State::gone);
const std::vector<std::string_view> tiers = names_up_to(Tier::none);
const std::vector<std::string_view> trashed_kinds = [] {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Kind::database); ++i)
    if (const auto& kind = describe(static_cast<Kind>(i)); kind.trashed) names.push_back(kind.name);
  return names;
}();

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
    Field{.name = "parentId", .type = Type::id, .nullable = true, .indexed = true},
    Field{.name = "userId", .type = Type::id, .nullable = true},
};
constexpr std::array event_relations = {
    Relation{"parent", Listed::event, "parentId", "id"},
    Relation{"children", Listed::event, "id", "parentId", true},
    Relation{"workspace", Listed::workspace, "workspaceId", "id"},
    Relation{"cleanupTasks", Listed::cleanup_task, "id", "sourceEventId", true},
};

const std::array workspace_fields = {
    Field{.name = "id", .type = Type::id, .sortable = true},
    Field{.name = "name", .type = Type::text},
    Field{.name = "state", .type = Type::word, .words = states},
    Field{.name = "createdAt", .type = Type::time, .sortable = true, .follows_id = true},
    Field{.name = "deletedAt", .type = Type::time, .nullable = true},
    Field{.name = "updatedAt", .type = Type::time},
};

// Apps and databases.
const std::array folder_fields = {
    Field{.name = "id", .type = Type::id, .sortable = true},
    Field{.name = "name", .type = Type::text},
    Field{.name = "state", .type = Type::word, .words = states},
    Field{.name = "createdAt", .type = Type::time, .sortable = true, .follows_id = true},
    Field{.name = "deletedAt", .type = Type::time, .nullable = true},
    Field{.name = "updatedAt", .type = Type::time},
    Field{.name = "workspaceId", .type = Type::id},
};
constexpr std::array app_relations = {
    Relation{"workspace", Listed::workspace, "workspaceId", "id"},
    Relation{"children", Listed::element, "id", "appId", true},
};
constexpr std::array database_relations = {
    Relation{"workspace", Listed::workspace, "workspaceId", "id"},
};
const std::array element_fields = {
    Field{.name = "id", .type = Type::id, .sortable = true},
    Field{.name = "name", .type = Type::text},
    Field{.name = "state", .type = Type::word, .words = states},
    Field{.name = "createdAt", .type = Type::time, .sortable = true, .follows_id = true},
    Field{.name = "deletedAt", .type = Type::time, .nullable = true},
    Field{.name = "updatedAt", .type = Type::time},
    Field{.name = "workspaceId", .type = Type::id},
    Field{.name = "appId", .type = Type::id, .indexed = true},
};
constexpr std::array element_relations = {
    Relation{"workspace", Listed::workspace, "workspaceId", "id"},
    Relation{"parent", Listed::app, "appId", "id"},
};

const std::array trash_fields = {
    Field{.name = "id", .type = Type::id, .sortable = true},
    Field{.name = "type", .type = Type::word, .sortable = true, .words = trashed_kinds},
    Field{.name = "name", .type = Type::text, .sortable = true},
    Field{.name = "scopeId", .type = Type::id},
    Field{.name = "retentionTier", .type = Type::word, .words = tiers},
    Field{.name = "deletedAt", .type = Type::time, .sortable = true},
    Field{.name = "deletedBy", .type = Type::text},
    Field{.name = "purgeAt", .type = Type::time, .nullable = true},
};
constexpr std::array hold_fields = {
    Field{.name = "id", .type = Type::id, .sortable = true},
    Field{.name = "resourceId", .type = Type::id, .indexed = true},
    Field{.name = "workspaceId", .type = Type::id},
    Field{.name = "owner", .type = Type::text},
    Field{.name = "reason", .type = Type::text},
    Field{.name = "createdAt", .type = Type::time, .sortable = true, .follows_id = true},
    Field{.name = "expiresAt", .type = Type::time, .nullable = true},
    Field{.name = "endedAt", .type = Type::time, .nullable = true},
};

const std::array entities = {
    Entity{Listed::cleanup_task, "cleanup task", "clt_", task_fields, task_relations, 2},
    Entity{Listed::event, "event", "evt_", event_fields, event_relations, 3},
    Entity{Listed::workspace, "workspace", "wsp_", workspace_fields, {}, 0},
    Entity{Listed::app, "app", "app_", folder_fields, app_relations, 6},
    Entity{Listed::element, "element", "elm_", element_fields, element_relations, 6},
    Entity{Listed::database, "database", "dbs_", folder_fields, database_relations, 6},
    Entity{Listed::trash_item, "thing in the trash", "", trash_fields, {}, 3},
    Entity{Listed::hold, "hold", "hld_", hold_fields, {}, 2},
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
