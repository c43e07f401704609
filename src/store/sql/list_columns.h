#pragma once
// Where the fields of core/query/entity.h stand in the tables.

#include <span>
#include <string_view>

#include "core/query/entity.h"

namespace mayfly::sql {

struct Column {
  std::string_view name;
  bool empty_is_null = false;   // kept as '' where the field is null
  bool inverted = false;        // a flag whose column says the opposite
};

struct ListedTable {
  std::string_view name;
  std::span<const Column> columns;   // by the places of the fields
  std::string_view only = {};        // rows that are of the entity: a condition on @, or nothing
};

const ListedTable& table_of(query::Listed what);

}  // namespace mayfly::sql
