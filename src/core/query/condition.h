#pragma once
// What a filter means, once it is known to make sense. Comparisons have SQL's three answers: with a null they are
// unknown, and unknown matches nothing, however often it is negated.

#include <string>
#include <vector>

#include "core/query/entity.h"

namespace mayfly::query {

enum class Op {
  eq, ne, distinct,        // distinct: ne for which null is a value like any other
  in, not_in,
  gt, gte, lt, lte, between,
  is_null, not_null,
  like, not_like,          // % is any text, _ one character, \ takes the next as it is
  contains, starts_with, ends_with,
  has_key,                 // of a map
};

enum class Quantifier { some, every, none };

struct Condition {
  enum class Kind { all, any, negation, test, related };
  Kind kind = Kind::all;               // all of no parts is true, any of none is false
  std::vector<Condition> parts;        // of a negation one; of related one, about the rows of the other side

  // a test: a field, or one member of a map, against operands
  std::size_t field = 0;
  Op op = Op::eq;
  std::vector<Datum> operands;
  bool insensitive = false;            // ASCII letters of either case are the same
  std::optional<std::string> member;

  // related
  const Relation* relation = nullptr;
  Quantifier quantifier = Quantifier::some;

  static Condition all(std::vector<Condition> parts = {});
  static Condition any(std::vector<Condition> parts = {});
  static Condition negation(Condition part);
  static Condition test(std::size_t field, Op op, std::vector<Datum> operands = {});
  static Condition related(const Relation& relation, Quantifier quantifier, Condition part);
};

/// The same text for the same meaning in the same words: cursors are bound to it, and tests read it.
std::string to_text(const Condition& condition, const Entity& entity);

}  // namespace mayfly::query
