#include "store/sql/list_text.h"

#include <algorithm>

namespace mayfly::sql {

using query::Condition;
using query::Datum;
using query::Op;

namespace {

const std::string outer = "t0";

std::string folded_here(std::string text) {
  for (auto& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::string_view sign_of(Op op) {
  switch (op) {
    case Op::eq: return " = ";
    case Op::ne: return " <> ";
    case Op::distinct: return " IS DISTINCT FROM ";
    case Op::gt: return " > ";
    case Op::gte: return " >= ";
    case Op::lt: return " < ";
    case Op::lte: return " <= ";
    default: CHECK(false);
  }
}

/// One of the conditions that must hold has an index that leads to few rows.
bool is_narrow(const Condition& condition, const query::Entity& entity) {
  if (condition.kind == Condition::Kind::all)
    return std::ranges::any_of(condition.parts, [&](const auto& part) { return is_narrow(part, entity); });
  return condition.kind == Condition::Kind::test && (condition.op == Op::eq || condition.op == Op::in) &&
         entity.fields[condition.field].indexed;
}

}  // namespace

void ListText::select(const query::Order& order, const query::Segment& segment, std::size_t limit) {
  text_ = "SELECT " + column(listing_.what, 0, outer);
  for (const auto& key : order) text_ += ", " + column(listing_.what, key.field, outer);
  text_ += from_where();
  for (const auto& one : segment) text_ += " AND " + bound(one, order);
  const auto bound_of = [&](std::size_t key) { return std::ranges::find(segment, key, &query::Bound::key); };
  std::string keys;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto known = bound_of(i);
    const bool fixed = known != segment.end() &&
                       (known->kind == query::Bound::Kind::same || known->kind == query::Bound::Kind::null);
    if (fixed) continue;
    keys += (keys.empty() ? "" : ", ") + column(listing_.what, order[i].field, outer) +
            (order[i].descending ? " DESC" : " ASC");
    const bool may_be_null =
        known == segment.end() && query::entity(listing_.what).fields[order[i].field].nullable;
    if (may_be_null) keys += order[i].nulls_first ? " NULLS FIRST" : " NULLS LAST";
  }
  if (!keys.empty()) text_ += " ORDER BY " + keys;
  text_ += " LIMIT " + bind(Parameter(limit));
}

void ListText::count(std::optional<std::int64_t> limit) {
  if (!limit) text_ = "SELECT COUNT(*)" + from_where();
  else {
    text_ = "SELECT COUNT(*) FROM (SELECT 1 AS found" + from_where();
    text_ += " LIMIT " + bind(Parameter(*limit)) + ") AS counted";
  }
}

std::string ListText::bind(Parameter value) {
  parameters_.push_back(std::move(value));
  return "$" + std::to_string(parameters_.size());
}

std::string ListText::bind(const Datum& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return bind(Parameter(*number));
  return bind(Parameter(std::string(std::get<std::string>(value))));
}

std::string ListText::from_where() {
  return " FROM " + rows_of(listing_.what, outer) + " AND " + condition(listing_.where, listing_.what, outer, false);
}

/// "cleanup_task AS t1 WHERE t1.workspace = $2": every table that is looked at stands in the scope of the caller.
std::string ListText::rows_of(query::Listed what, const std::string& alias) {
  const auto& table = table_of(what);
  auto scope = column(what, query::entity(what).scope, alias);
  // As an expression it is in no index: without statistics the planner could take that of the whole workspace.
  if (alias == outer && is_narrow(listing_.where, query::entity(what))) scope = "(" + scope + " || '')";
  const bool everywhere = alias == outer && listing_.everywhere;
  std::string text = std::string(table.name) + " AS " + alias + " WHERE " +
                     (everywhere ? "1 = 1" : scope + " = " + bind(Parameter(listing_.scope)));
  if (!table.only.empty()) {
    std::string only(table.only);
    for (auto at = only.find('@'); at != only.npos; at = only.find('@')) only.replace(at, 1, alias);
    text += " AND " + only;
  }
  return text;
}

std::string ListText::column(query::Listed what, std::size_t place, const std::string& alias) const {
  return alias + "." + std::string(table_of(what).columns[place].name);
}

std::string ListText::condition(const Condition& condition, query::Listed what, const std::string& alias,
                                bool negated) {
  switch (condition.kind) {
    case Condition::Kind::all: case Condition::Kind::any: {
      const bool all = condition.kind == Condition::Kind::all;
      if (condition.parts.empty()) return all ? "1 = 1" : "1 = 0";
      std::string text;
      for (const auto& part : condition.parts)
        text += (text.empty() ? "(" : all ? " AND " : " OR ") + this->condition(part, what, alias, negated);
      return text + ")";
    }
    case Condition::Kind::negation: return "NOT (" + this->condition(condition.parts[0], what, alias, true) + ")";
    case Condition::Kind::test: return test(condition, what, alias, negated);
    case Condition::Kind::related: return related(condition, what, alias);
  }
  CHECK(false);
}

std::string ListText::test(const Condition& test, query::Listed what, const std::string& alias, bool negated) {
  const auto& kept = table_of(what).columns[test.field];
  const auto plain = column(what, test.field, alias);
  const auto& field = query::entity(what).fields[test.field];
  if (field.type == query::Type::flag) return flag(test, plain, kept.inverted);
  if (test.op == Op::has_key)
    return database_.member_of(plain, bind(test.operands[0])) + " IS NOT NULL";
  // Where it is not negated, false and unknown are the same: the bare column has an index.
  const bool equals = test.op == Op::eq || (test.op == Op::in && !test.operands.empty());
  const bool direct = kept.empty_is_null && !negated && equals;
  const auto subject = test.member                   ? database_.member_of(plain, bind(Parameter(*test.member)))
                       : kept.empty_is_null && !direct ? "NULLIF(" + plain + ", '')"
                                                       : plain;
  const auto also = direct ? " AND " + plain + " <> ''" : std::string();
  switch (test.op) {
    case Op::is_null: return kept.empty_is_null ? plain + " = ''" : subject + " IS NULL";
    case Op::not_null: return kept.empty_is_null ? plain + " <> ''" : subject + " IS NOT NULL";
    case Op::in: case Op::not_in: return "(" + listed(test, subject) + also + ")";
    case Op::between: {
      const auto least = bind(test.operands[0]);
      return "(" + subject + " BETWEEN " + least + " AND " + bind(test.operands[1]) + ")";
    }
    case Op::like: case Op::not_like: case Op::contains: case Op::starts_with: case Op::ends_with:
      return match(test, subject);
    default: return "(" + subject + std::string(sign_of(test.op)) + bind(test.operands[0]) + also + ")";
  }
}

/// The value stands in the text: only then is it known to a partial index.
std::string ListText::flag(const Condition& test, const std::string& column, bool inverted) {
  if (test.op == Op::is_null) return "1 = 0";
  if (test.op == Op::not_null) return "1 = 1";
  const bool wanted = std::get<std::int64_t>(test.operands[0]) != 0;
  return column + std::string(sign_of(test.op)) + (wanted != inverted ? "1" : "0");
}

std::string ListText::listed(const Condition& test, const std::string& subject) {
  if (test.operands.empty()) return test.op == Op::in ? "1 = 0" : "1 = 1";
  std::string text = subject + (test.op == Op::in ? " IN (" : " NOT IN (");
  for (std::size_t i = 0; i < test.operands.size(); ++i) text += (i ? ", " : "") + bind(test.operands[i]);
  return text + ")";
}

std::string ListText::match(const Condition& test, const std::string& subject) {
  auto pattern = std::get<std::string>(test.operands[0]);
  auto text = subject;
  if (test.insensitive) {
    pattern = folded_here(std::move(pattern));
    text = database_.folded(subject);
  }
  if (test.op != Op::like && test.op != Op::not_like) {
    // Literal text, as a pattern.
    std::string escaped;
    for (const char c : pattern) {
      if (c == '%' || c == '_' || c == '\\') escaped += '\\';
      escaped += c;
    }
    pattern = (test.op == Op::starts_with ? "" : "%") + escaped + (test.op == Op::ends_with ? "" : "%");
  }
  const auto matched = "(" + database_.matches(text, bind(Parameter(database_.pattern_of(pattern)))) + ")";
  return test.op == Op::not_like ? "(NOT " + matched + ")" : matched;
}

std::string ListText::related(const Condition& condition, query::Listed what, const std::string& alias) {
  const auto& relation = *condition.relation;
  const auto& here = query::entity(what);
  const auto& there = query::entity(relation.target);
  const auto other = "r" + std::to_string(++aliases_);
  const auto from = query::place_of(here, relation.from);
  const auto to = query::place_of(there, relation.to);
  auto text = rows_of(relation.target, other) + " AND " + column(relation.target, to, other) + " = " +
              column(what, from, alias);
  // '' stands for no link at all, and would find all others without one.
  if (table_of(relation.target).columns[to].empty_is_null)
    text += " AND " + column(relation.target, to, other) + " <> ''";
  if (table_of(what).columns[from].empty_is_null) text += " AND " + column(what, from, alias) + " <> ''";
  const auto inner = this->condition(condition.parts[0], relation.target, other, false);
  const bool every = condition.quantifier == query::Quantifier::every;
  text += " AND " + (every ? "(" + inner + ") IS NOT TRUE" : inner);
  const bool some = condition.quantifier == query::Quantifier::some;
  return std::string(some ? "EXISTS" : "NOT EXISTS") + " (SELECT 1 FROM " + text + ")";
}

std::string ListText::bound(const query::Bound& bound, const query::Order& order) {
  const auto& key = order[bound.key];
  const auto subject = column(listing_.what, key.field, outer);
  switch (bound.kind) {
    case query::Bound::Kind::same: return subject + " = " + bind(bound.value);
    case query::Bound::Kind::null: return subject + " IS NULL";
    case query::Bound::Kind::not_null: return subject + " IS NOT NULL";
    case query::Bound::Kind::after: return subject + (key.descending ? " < " : " > ") + bind(bound.value);
  }
  CHECK(false);
}

}  // namespace mayfly::sql
