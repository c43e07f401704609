#include "core/query/operators.h"

#include <algorithm>
#include <array>

namespace mayfly::query {

namespace {

struct Known {
  Op op;
  bool insensitive;
  std::vector<std::string_view> names;   // the canonical one first
  std::vector<Type> types;
};

const std::vector<Type> scalars = {Type::id, Type::word, Type::integer, Type::time, Type::text, Type::flag};
const std::vector<Type> listable = {Type::id, Type::word, Type::integer, Type::time, Type::text};
const std::vector<Type> ordered = {Type::id, Type::integer, Type::time, Type::text};
const std::vector<Type> text = {Type::text};

const std::vector<Known>& known() {
  static const std::vector<Known> all = {
      {Op::eq, false, {"eq", "equals", "equalTo", "_eq", "$eq", "is"}, scalars},
      {Op::ne, false, {"ne", "neq", "not", "notEqualTo", "_neq", "_ne", "$ne", "isNot"}, scalars},
      {Op::distinct, false, {"isDistinctFrom", "distinctFrom", "is_distinct_from"}, scalars},
      {Op::in, false, {"in", "_in", "$in", "inArray"}, listable},
      {Op::not_in, false, {"notIn", "nin", "not_in", "_nin", "$nin", "notInArray"}, listable},
      {Op::gt, false, {"gt", "_gt", "$gt", "greaterThan"}, ordered},
      {Op::gte, false, {"gte", "_gte", "$gte", "greaterThanOrEqualTo", "greaterThanOrEqual"}, ordered},
      {Op::lt, false, {"lt", "_lt", "$lt", "lessThan"}, ordered},
      {Op::lte, false, {"lte", "_lte", "$lte", "lessThanOrEqualTo", "lessThanOrEqual"}, ordered},
      {Op::between, false, {"between"}, {Type::integer, Type::time}},
      {Op::is_null, false, {"isNull", "_is_null", "is_null", "null"}, scalars},
      {Op::not_null, false, {"isNotNull", "is_not_null"}, scalars},
      {Op::like, false, {"like", "_like", "$like"}, text},
      {Op::like, true, {"ilike", "_ilike", "$ilike", "iLike"}, text},
      {Op::not_like, false, {"notLike", "_nlike", "not_like"}, text},
      {Op::not_like, true, {"notIlike", "_nilike", "notILike", "not_ilike"}, text},
      {Op::contains, false, {"contains", "includes"}, text},
      {Op::contains, true, {"icontains", "containsInsensitive", "includesInsensitive"}, text},
      {Op::starts_with, false, {"startsWith", "starts_with"}, text},
      {Op::starts_with, true, {"istartsWith", "startsWithInsensitive", "istarts_with"}, text},
      {Op::ends_with, false, {"endsWith", "ends_with"}, text},
      {Op::ends_with, true, {"iendsWith", "endsWithInsensitive", "iends_with"}, text},
      {Op::has_key, false, {"hasKey", "has_key"}, {Type::map}},
  };
  return all;
}

bool holds(const auto& list, const auto& wanted) { return std::ranges::find(list, wanted) != list.end(); }

}  // namespace

std::optional<Operator> operator_named(std::string_view name, Type type) {
  for (const auto& one : known())
    if (holds(one.types, type) && holds(one.names, name)) return Operator{one.op, one.insensitive};
  return std::nullopt;
}

std::vector<std::string> operators_of(Type type) {
  std::vector<std::string> names;
  for (const auto& one : known())
    if (holds(one.types, type)) names.emplace_back(one.names.front());
  if (type == Type::map) names.insert(names.end(), {"path", "jsonContains"});
  return names;
}

bool unbounded(std::string_view name) {
  constexpr std::array names = {"regex", "iregex", "_regex", "_iregex", "$re", "_similar", "matches"};
  return holds(names, name);
}

std::optional<Logic> logic_named(std::string_view name) {
  constexpr std::array all = {"AND", "and", "_and", "$and"};
  constexpr std::array any = {"OR", "or", "_or", "$or"};
  constexpr std::array negation = {"NOT", "not", "_not", "$not"};
  if (holds(all, name)) return Logic::all;
  if (holds(any, name)) return Logic::any;
  if (holds(negation, name)) return Logic::negation;
  return std::nullopt;
}

}  // namespace mayfly::query
