#pragma once
// The spine, read and written by the tables of every kind.

#include <algorithm>

#include "core/resource.h"
#include "store/sql/database.h"

namespace mayfly::sql {

/// Of `resource r`, in the order that read_resource expects.
constexpr std::string_view resource_columns =
    "r.id, r.kind, r.parent, r.workspace, r.name, r.held_name, r.state, r.generation, r.labels, r.created_at,"
    " r.updated_at, r.deleted_at";

Resource read_resource(Row& row);

/// conflict "name_taken" when the name is held by another, "id_taken" when the id is.
Status insert_resource(Database& database, const Resource& resource);
Status update_resource(Database& database, const Resource& resource);

/// The states that a list asks for. The living and the tombstones have an index each, so that a page of the living
/// never walks tombstones; a list of both is read in two parts and merged.
struct StateParts {
  bool living = false;
  std::vector<std::string_view> living_words;   // empty: all of them
  bool gone = false;
};
StateParts parts_of(const std::vector<State>& states);

/// " AND r.state ...": one part.
void add_living(Query& query, const StateParts& parts);
void add_gone(Query& query);

/// The newest `limit` of both parts, newest first.
template <class Kind>
std::vector<Kind> merged(std::vector<Kind> living, std::vector<Kind> gone, std::size_t limit) {
  living.insert(living.end(), std::make_move_iterator(gone.begin()), std::make_move_iterator(gone.end()));
  std::sort(living.begin(), living.end(), [](const Kind& a, const Kind& b) { return a.resource.id > b.resource.id; });
  if (living.size() > limit) living.erase(living.begin() + static_cast<std::ptrdiff_t>(limit), living.end());
  return living;
}

}  // namespace mayfly::sql
