#include "store/sql/runtime_table.h"

#include "store/rules.h"
#include "store/sql/columns.h"
#include "store/sql/resource_rows.h"

namespace mayfly::sql {

namespace {

const std::string own_columns =
    "title, description, project, owner, " + std::string(spec_columns) +
    ", sandbox_labels, timeout, on_timeout, port, document, config_version, config_digest, requested_limit, sandbox,"
    " sandbox_digest, sandbox_requested, sandbox_level, cleanup_task";

std::vector<Parameter> own_values(const Runtime& runtime) {
  const auto& config = runtime.config;
  std::vector<Parameter> values = {runtime.resource.id, runtime.title, runtime.description, runtime.project,
                                   runtime.owner};
  append_spec(values, config.spec);
  values.insert(values.end(), {to_json(config.labels), config.timeout, name(config.on_timeout), config.port,
                               config.document, runtime.config_version, runtime.config_digest, runtime.requested_limit,
                               runtime.sandbox, runtime.sandbox_digest, runtime.sandbox_requested,
                               name(runtime.sandbox_level), runtime.cleanup_task});
  return values;
}

Runtime read_runtime(Row& row) {
  Runtime runtime;
  runtime.resource = read_resource(row);
  runtime.title = row.text();
  runtime.description = row.text();
  runtime.project = row.text();
  runtime.owner = row.id<UserId>();
  auto& config = runtime.config;
  config.spec = read_spec(row);
  config.labels = row.text_map();
  config.timeout = Duration(row.integer());
  config.on_timeout = row.word(parse_expiry_action);
  config.port = row.small();
  config.document = row.text();
  runtime.config_version = row.small();
  runtime.config_digest = row.text();
  runtime.requested_limit = row.optional_duration();
  runtime.sandbox = row.id<ResourceId>();
  runtime.sandbox_digest = row.text();
  runtime.sandbox_requested = row.optional_duration();
  runtime.sandbox_level = row.word(parse_limit_level);
  runtime.cleanup_task = row.text();
  return runtime;
}

const std::string select = "SELECT " + std::string(resource_columns) + ", " + qualified("u", own_columns) + R"(
      FROM resource r
      JOIN runtime u ON u.id = r.id)";

}  // namespace

Result<Runtime> SqlRuntimeTable::get(const ResourceId& id) {
  static const auto text = select + " WHERE r.id = $1";
  auto found = TRY(database_.first(text, {id}, read_runtime));
  if (!found) return tl::unexpected(rules::missing("runtime", id.text));
  return std::move(*found);
}

Result<std::optional<Runtime>> SqlRuntimeTable::find_named(const ResourceId& workspace, const std::string& key) {
  static const auto living = select + R"(
      WHERE r.workspace = $1
      AND r.kind = 'runtime'
      AND r.held_name = $2)";
  return database_.first(living, {workspace, key}, read_runtime);
}

Status SqlRuntimeTable::insert(const Runtime& runtime) {
  static const auto text = insert_text("runtime", own_columns);
  TRY(insert_resource(database_, runtime.resource));
  if (TRY(database_.exec(text, own_values(runtime))) == 0)
    return tl::unexpected(rules::id_taken(runtime.resource.id.text));
  return {};
}

Status SqlRuntimeTable::update(const Runtime& runtime) {
  static const auto text = update_text("runtime", own_columns);
  TRY(update_resource(database_, runtime.resource));
  const auto changed = TRY(database_.exec(text, own_values(runtime)));
  CHECK(changed == 1);
  return {};
}

Result<std::vector<Runtime>> SqlRuntimeTable::list(const RuntimeFilter& filter, const Page& page) {
  Query query(select);
  if (!filter.states.empty()) query.add(" LEFT JOIN resource s ON s.id = u.sandbox");
  query.add(" WHERE r.workspace = ? AND r.kind = 'runtime' AND r.gone = 0 AND r.state = 'active'", {filter.workspace});
  if (!filter.states.empty()) {
    std::vector<std::string_view> words;
    for (const auto state : filter.states)
      for (const auto one : sandbox_states(state)) words.push_back(name(one));
    // Of one that never had a sandbox nothing runs, as of one whose sandbox is gone.
    query.add_one_of("COALESCE(s.state, 'gone')", words);
  }
  if (!filter.project.empty()) query.add(" AND u.project = ?", {filter.project});
  if (filter.owner) query.add(" AND u.owner = ?", {filter.owner});
  if (!page.before.empty()) query.add(" AND r.id < ?", {page.before});
  query.add(" ORDER BY r.id DESC LIMIT ?", {page.limit});
  return database_.all(query.text(), query.parameters(), read_runtime);
}

}  // namespace mayfly::sql
