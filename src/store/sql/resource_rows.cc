#include "store/sql/resource_rows.h"

#include "store/rules.h"

namespace mayfly::sql {

namespace {

std::optional<std::string_view> held_name(const Resource& resource) {
  if (!resource.name_held) return std::nullopt;
  return resource.name;
}

bool gone(const Resource& resource) { return resource.state == State::gone; }

Result<bool> held_by_another(Database& database, const Resource& resource) {
  return database.any(R"(
      SELECT 1
      FROM resource
      WHERE workspace = $1
      AND kind = $2
      AND held_name = $3
      AND id <> $4)",
                      {resource.workspace, describe(resource.kind).name, resource.name, resource.id});
}

Status insert_labels(Database& database, const Resource& resource) {
  for (const auto& [name, value] : resource.labels)
    TRY(database.exec(R"(
        INSERT INTO label (resource, name, value)
        VALUES ($1, $2, $3))",
                      {resource.id, name, value}));
  return {};
}

/// The columns that indexes are made of, and that hardly ever change: writing them costs an entry of each index.
struct Indexed {
  std::string parent;
  std::string workspace;
  std::string name;
  std::optional<std::string> held_name;
  bool gone = false;
  std::string labels;
};

Indexed read_indexed(Row& row) {
  Indexed found;
  found.parent = row.text();
  found.workspace = row.text();
  found.name = row.text();
  found.held_name = row.optional_text();
  found.gone = row.flag();
  found.labels = row.text();
  return found;
}

Status update_indexed(Database& database, const Resource& resource) {
  if (resource.name_held && TRY(held_by_another(database, resource)))
    return tl::unexpected(rules::name_taken(describe(resource.kind).name, resource.name));
  TRY(database.exec(R"(
      UPDATE resource
      SET parent = $2, workspace = $3, name = $4, held_name = $5, gone = $6
      WHERE id = $1)",
                    {resource.id, resource.parent, resource.workspace, resource.name, held_name(resource),
                     gone(resource)}));
  return {};
}

}  // namespace

Resource read_resource(Row& row) {
  Resource resource;
  resource.id = row.id<ResourceId>();
  resource.kind = row.word(parse_kind);
  resource.parent = row.id<ResourceId>();
  resource.workspace = row.id<ResourceId>();
  resource.name = row.text();
  resource.name_held = row.optional_text().has_value();
  resource.state = row.word(parse_state);
  resource.generation = row.small();
  resource.labels = row.text_map();
  resource.created_at = row.time();
  resource.updated_at = row.time();
  resource.deleted_at = row.optional_time();
  return resource;
}

Status insert_resource(Database& database, const Resource& resource) {
  const auto inserted = TRY(database.exec(R"(
      INSERT INTO resource (id, kind, parent, workspace, name, held_name, state, generation, labels, created_at,
                            updated_at, deleted_at, gone)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
      ON CONFLICT DO NOTHING)",
                                          {resource.id, describe(resource.kind).name, resource.parent,
                                           resource.workspace, resource.name, held_name(resource),
                                           name(resource.state), resource.generation, to_json(resource.labels),
                                           resource.created_at, resource.updated_at, resource.deleted_at,
                                           gone(resource)}));
  if (inserted == 1) return insert_labels(database, resource);
  if (resource.name_held && TRY(held_by_another(database, resource)))
    return tl::unexpected(rules::name_taken(describe(resource.kind).name, resource.name));
  return tl::unexpected(rules::id_taken(resource.id.text));
}

Status update_resource(Database& database, const Resource& resource) {
  const auto stored = TRY(database.first(R"(
      SELECT parent, workspace, name, held_name, gone, labels
      FROM resource
      WHERE id = $1)",
                                         {resource.id}, read_indexed));
  CHECK(stored.has_value());
  if (stored->parent != resource.parent.text || stored->workspace != resource.workspace.text ||
      stored->name != resource.name || stored->held_name != held_name(resource) || stored->gone != gone(resource))
    TRY(update_indexed(database, resource));

  const auto labels = to_json(resource.labels);
  if (stored->labels != labels) {
    TRY(database.exec("DELETE FROM label WHERE resource = $1", {resource.id}));
    TRY(insert_labels(database, resource));
  }
  TRY(database.exec(R"(
      UPDATE resource
      SET state = $2, generation = $3, labels = $4, created_at = $5, updated_at = $6, deleted_at = $7
      WHERE id = $1)",
                    {resource.id, name(resource.state), resource.generation, labels, resource.created_at,
                     resource.updated_at, resource.deleted_at}));
  return {};
}

StateParts parts_of(const std::vector<State>& states) {
  StateParts parts;
  parts.living = states.empty();
  for (const auto state : states) {
    if (state == State::gone) {
      parts.gone = true;
    } else {
      parts.living = true;
      parts.living_words.push_back(name(state));
    }
  }
  return parts;
}

void add_living(Query& query, const StateParts& parts) {
  query.add(" AND r.gone = 0");
  if (!parts.living_words.empty()) query.add_one_of("r.state", parts.living_words);
}

void add_gone(Query& query) { query.add(" AND r.gone = 1"); }

}  // namespace mayfly::sql
