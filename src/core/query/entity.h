#pragma once
// What can be listed: each entity is one table of fields and relations that the grammar, the stores and the cursors
// read. A new one is a table here, its columns in store/sql/list_columns, and its facts in core/query/facts.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mayfly::query {

enum class Listed { cleanup_task, event, workspace, app, element, database, trash_item, hold };

enum class Type { id, word, integer, time, text, flag, map };

/// One value of one row: nothing; a number, an instant, a flag or the rank of a word; text; a map of text.
using Map = std::map<std::string, std::string>;
using Datum = std::variant<std::monostate, std::int64_t, std::string, Map>;
inline bool is_null(const Datum& datum) { return std::holds_alternative<std::monostate>(datum); }

struct Field {
  std::string_view name;             // "createdAt"
  Type type = Type::text;
  bool nullable = false;
  bool sortable = false;             // an index of its own keeps the order
  std::span<const std::string_view> words = {};   // of a word: all that it can be
  bool ranked = false;               // its words compare by their place in that list, and that is what is stored
  bool follows_id = false;           // rows in the order of ids are in the order of this one too
  bool indexed = false;              // sortable or not, an index leads to the rows of one value
};

/// Rows of `target` whose field `to` holds what the field `from` of this row holds.
struct Relation {
  std::string_view name;
  Listed target;
  std::string_view from;
  std::string_view to;
  bool many = false;
};

struct Entity {
  Listed what;
  std::string_view name;                 // "cleanup task"
  std::string_view prefix;               // of its ids
  std::span<const Field> fields;         // the first one is the id
  std::span<const Relation> relations;
  std::size_t scope;                     // the field that must hold the workspace of whoever asks
};
const Entity& entity(Listed what);

/// The place of that field; nothing without one.
std::optional<std::size_t> field_named(const Entity& entity, std::string_view name);
/// The same for a name that is there.
std::size_t place_of(const Entity& entity, std::string_view name);

/// Dialects spell the same name differently: createdAt, created_at.
enum class Spelling { camel, snake };
std::string spelled(std::string_view camel, Spelling spelling);

}  // namespace mayfly::query
