#include "core/query/condition.h"

#include <array>

namespace mayfly::query {

namespace {

constexpr std::array op_names = {"eq",  "ne",      "isDistinctFrom", "in",        "notIn", "gt",      "gte",
                                 "lt",  "lte",     "between",        "isNull",    "isNotNull", "like", "notLike",
                                 "contains", "startsWith", "endsWith", "hasKey"};
constexpr std::array quantifier_names = {"some", "every", "none"};

// With its length in front: no text can pretend to be the end of another one.
std::string framed(std::string_view text) { return std::to_string(text.size()) + ":" + std::string(text); }

std::string to_text(const Datum& datum) {
  if (const auto* number = std::get_if<std::int64_t>(&datum)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&datum)) return framed(*text);
  return "null";
}

std::string joined(const Condition& condition, const Entity& entity, std::string_view word) {
  std::string text = "(" + std::string(word);
  for (const auto& part : condition.parts) text += " " + to_text(part, entity);
  return text + ")";
}

std::string test_text(const Condition& test, const Entity& entity) {
  std::string text(entity.fields[test.field].name);
  if (test.member) text += "[" + framed(*test.member) + "]";
  text += std::string(" ") + (test.insensitive ? "i-" : "") + op_names[static_cast<std::size_t>(test.op)];
  for (const auto& operand : test.operands) text += " " + to_text(operand);
  return text;
}

}  // namespace

Condition Condition::all(std::vector<Condition> parts) {
  Condition made;
  made.parts = std::move(parts);
  return made;
}

Condition Condition::any(std::vector<Condition> parts) {
  Condition made;
  made.kind = Kind::any;
  made.parts = std::move(parts);
  return made;
}

Condition Condition::negation(Condition part) {
  Condition made;
  made.kind = Kind::negation;
  made.parts.push_back(std::move(part));
  return made;
}

Condition Condition::test(std::size_t field, Op op, std::vector<Datum> operands) {
  Condition made;
  made.kind = Kind::test;
  made.field = field;
  made.op = op;
  made.operands = std::move(operands);
  return made;
}

Condition Condition::related(const Relation& relation, Quantifier quantifier, Condition part) {
  Condition made;
  made.kind = Kind::related;
  made.relation = &relation;
  made.quantifier = quantifier;
  made.parts.push_back(std::move(part));
  return made;
}

std::string to_text(const Condition& condition, const Entity& entity) {
  switch (condition.kind) {
    case Condition::Kind::all: return joined(condition, entity, "all");
    case Condition::Kind::any: return joined(condition, entity, "any");
    case Condition::Kind::negation: return joined(condition, entity, "not");
    case Condition::Kind::test: return test_text(condition, entity);
    case Condition::Kind::related:
      return "(" + std::string(quantifier_names[static_cast<std::size_t>(condition.quantifier)]) + " " +
             std::string(condition.relation->name) + " " +
             to_text(condition.parts.at(0), query::entity(condition.relation->target)) + ")";
  }
  return {};
}

}  // namespace mayfly::query
