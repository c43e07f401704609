#include "core/query/filter.h"

#include <algorithm>

#include "base/nearest.h"
#include "core/query/operand.h"
#include "core/query/operators.h"
#include "core/query/trail.h"

namespace mayfly::query {

namespace {

// Of a value in a map.
constexpr Field map_text = {.name = "text", .type = Type::text, .nullable = true};

bool is_scalar(const Value& value) { return !value.as<Items>() && !value.as<Members>() && !value.null(); }

/// Reads one filter. The first refusal stands; what is read after it is never used.
class Reader {
 public:
  explicit Reader(const FilterReading& reading) : reading_(reading), trail_(reading.param) {}

  Read<Condition> read(const Value& value) {
    auto condition = filter(value, reading_.entity, {});
    if (refusal_) return tl::unexpected(std::move(*refusal_));
    return condition;
  }

 private:
  struct Reached {
    std::size_t depth = 0;   // of logic
    std::size_t hops = 0;    // over relations
  };

  Condition filter(const Value& value, const Entity& entity, Reached reached) {
    const auto* members = value.as<Members>();
    if (!members) return wrong("an object", value);
    if (!count_node()) return {};
    std::vector<Condition> parts;
    std::vector<Logic> seen;
    for (const auto& [name, member] : *members) {
      if (refusal_) break;
      const auto within = trail_.into(name);
      const auto logic = logic_named(name);
      if (logic && std::ranges::find(seen, *logic) != seen.end())
        refuse("invalid_filter", "the same word is given twice in one object, in two spellings");
      if (logic) {
        seen.push_back(*logic);
        parts.push_back(combined(*logic, member, reached, [&](const Value& part, Reached deeper) {
          return filter(part, entity, deeper);
        }));
      } else {
        parts.push_back(named(name, member, entity, reached));
      }
    }
    return parts.size() == 1 ? std::move(parts.front()) : Condition::all(std::move(parts));
  }

  Condition named(const std::string& name, const Value& value, const Entity& entity, Reached reached) {
    for (std::size_t i = 0; i < entity.fields.size(); ++i)
      if (spelled(entity.fields[i].name, reading_.spelling) == name) return about(i, value, entity, reached);
    for (const auto& relation : entity.relations)
      if (spelled(relation.name, reading_.spelling) == name) return related(relation, value, reached);
    std::vector<std::string> allowed;
    for (const auto& field : entity.fields) allowed.push_back(spelled(field.name, reading_.spelling));
    for (const auto& relation : entity.relations) allowed.push_back(spelled(relation.name, reading_.spelling));
    const auto near = nearest(name, allowed);
    return refuse("unknown_field", "no such field" + (near ? "; did you mean " + *near + "?" : std::string()),
                  std::move(allowed));
  }

  template <class ReadPart>
  Condition combined(Logic logic, const Value& value, Reached reached, ReadPart part) {
    ++reached.depth;
    if (reached.depth > limits::depth)
      return too_complex("AND, OR and NOT within each other", limits::depth, reached.depth);
    const auto* items = value.as<Items>();
    if (logic == Logic::negation) {
      if (items)
        return refuse("invalid_filter", "takes one filter and no list; write NOT: {OR: [...]} or NOT: {AND: [...]}");
      return Condition::negation(part(value, reached));
    }
    if (logic == Logic::any && !items) return wrong("a list of filters", value);
    if (!items) return part(value, reached);
    if (items->size() > limits::branches) return too_complex("filters in one list", limits::branches, items->size());
    std::vector<Condition> parts;
    for (std::size_t i = 0; i < items->size() && !refusal_; ++i) {
      const auto within = trail_.into(i);
      parts.push_back(part((*items)[i], reached));
    }
    return logic == Logic::all ? Condition::all(std::move(parts)) : Condition::any(std::move(parts));
  }

  /// What one field must be.
  Condition about(std::size_t place, const Value& value, const Entity& entity, Reached reached) {
    const auto& field = entity.fields[place];
    if (field.type == Type::map) return about_map(place, value, field, reached);
    return tests(value, field, reached, {place, {}});
  }

  struct Subject {
    std::size_t place;
    std::optional<std::string> member;   // of a map
  };

  Condition tests(const Value& value, const Field& field, Reached reached, const Subject& subject) {
    if (!count_node()) return {};
    if (value.null()) return test(subject, Op::is_null);
    if (is_scalar(value)) return compared(subject, {Op::eq}, value, field);
    const auto* members = value.as<Members>();
    if (!members) return wrong("a value, null or an object of operators", value);
    bool insensitive = false;
    if (const auto* mode = value.member("mode"); mode && field.type == Type::text) {
      const auto* word = mode->as<std::string>();
      const auto within = trail_.into("mode");
      if (!word || (*word != "insensitive" && *word != "default")) return wrong("insensitive or default", *mode);
      insensitive = *word == "insensitive";
    }
    std::vector<Condition> parts;
    for (const auto& [name, member] : *members) {
      if (refusal_) break;
      if (name == "mode" && field.type == Type::text) continue;
      if (subject.member && name == "path") continue;
      const auto within = trail_.into(name);
      const auto logic = logic_named(name);
      if (logic && (name != "not" || !(is_scalar(member) || member.null())))
        parts.push_back(combined(*logic, member, reached, [&](const Value& part, Reached deeper) {
          return tests(part, field, deeper, subject);
        }));
      else parts.push_back(operation(name, member, field, subject, insensitive));
    }
    return parts.size() == 1 ? std::move(parts.front()) : Condition::all(std::move(parts));
  }

  Condition operation(const std::string& name, const Value& value, const Field& field, const Subject& subject,
                      bool insensitive) {
    if (unbounded(name))
      return refuse("operator_not_supported", "regular expressions have no bound on their cost; use like, contains, "
                                              "startsWith or endsWith");
    auto known = operator_named(name, field.type);
    if (!known) {
      auto allowed = operators_of(field.type);
      const auto near = nearest(name, allowed);
      const auto hint = near ? "; did you mean " + *near + "?" : std::string();
      return refuse("unknown_operator", "no such operator here" + hint, std::move(allowed));
    }
    if (insensitive && !matches_text(known->op))
      return refuse("invalid_filter",
                    "mode goes with like, contains, startsWith and endsWith, and compares nothing else");
    known->insensitive |= insensitive;
    if (name == "is" && value.as<std::string>()) {
      if (*value.as<std::string>() == "NULL") return test(subject, Op::is_null);
      if (*value.as<std::string>() == "NOT_NULL") return test(subject, Op::not_null);
    }
    return compared(subject, *known, value, field);
  }

  static bool matches_text(Op op) {
    return op == Op::like || op == Op::not_like || op == Op::contains || op == Op::starts_with || op == Op::ends_with;
  }

  Condition compared(const Subject& subject, Operator how, const Value& value, const Field& field) {
    switch (how.op) {
      case Op::is_null: case Op::not_null: {
        const auto* wanted = value.as<bool>();
        if (!wanted) return wrong("true or false", value);
        return test(subject, *wanted == (how.op == Op::is_null) ? Op::is_null : Op::not_null);
      }
      case Op::in: case Op::not_in: return listed(subject, how.op, value, field);
      case Op::between: return between(subject, value, field);
      default: break;
    }
    if (matches_text(how.op)) return matched(subject, how, value);
    if (value.null() && how.op == Op::eq) return test(subject, Op::is_null);
    if (value.null() && (how.op == Op::ne || how.op == Op::distinct)) return test(subject, Op::not_null);
    auto operand = one(value, field);
    return operand ? test(subject, how.op, {std::move(*operand)}) : Condition();
  }

  Condition listed(const Subject& subject, Op op, const Value& value, const Field& field) {
    const auto* items = value.as<Items>();
    if (!items) return wrong("a list", value);
    if (items->size() > limits::list) return too_complex("items in one list", limits::list, items->size());
    listed_ += items->size();
    if (listed_ > limits::lists) return too_complex("items in all lists together", limits::lists, listed_);
    std::vector<Datum> operands;
    for (std::size_t i = 0; i < items->size() && !refusal_; ++i) {
      const auto within = trail_.into(i);
      if ((*items)[i].null()) return refuse("invalid_filter", "null is no item of a list; use isNull beside it");
      if (auto operand = one((*items)[i], field)) operands.push_back(std::move(*operand));
    }
    return test(subject, op, std::move(operands));
  }

  Condition between(const Subject& subject, const Value& value, const Field& field) {
    const auto* items = value.as<Items>();
    if (!items || items->size() != 2) return wrong("a list of the least and the most", value);
    std::vector<Datum> operands;
    for (std::size_t i = 0; i < 2 && !refusal_; ++i) {
      const auto within = trail_.into(i);
      if (auto operand = one((*items)[i], field)) operands.push_back(std::move(*operand));
    }
    return test(subject, Op::between, std::move(operands));
  }

  Condition matched(const Subject& subject, Operator how, const Value& value) {
    auto operand = one(value, map_text);
    if (!operand) return {};
    const auto& pattern = std::get<std::string>(*operand);
    if (pattern.size() > limits::pattern_bytes)
      return too_complex("bytes of a pattern", limits::pattern_bytes, pattern.size());
    const bool wild = how.op == Op::like || how.op == Op::not_like;
    const auto wildcards = static_cast<std::size_t>(
        std::ranges::count_if(pattern, [](char c) { return c == '%' || c == '_'; }));
    if (wild && wildcards > limits::wildcards)
      return too_complex("wildcards of a pattern", limits::wildcards, wildcards);
    if (!wild && pattern.empty()) return test(subject, Op::not_null);   // it is in every text
    auto made = test(subject, how.op, {std::move(*operand)});
    made.insensitive = how.insensitive;
    return made;
  }

  Condition about_map(std::size_t place, const Value& value, const Field& field, Reached reached) {
    if (!count_node()) return {};
    const auto* members = value.as<Members>();
    if (!members) return wrong("an object with hasKey, path or jsonContains", value);
    if (const auto* path = value.member("path")) return at_path(place, *path, value, reached);
    std::vector<Condition> parts;
    for (const auto& [name, member] : *members) {
      if (refusal_) break;
      const auto within = trail_.into(name);
      const auto logic = logic_named(name);
      if (logic) {
        parts.push_back(combined(*logic, member, reached, [&](const Value& part, Reached deeper) {
          return about_map(place, part, field, deeper);
        }));
      } else if (name == "jsonContains" || name == "json_contains") {
        parts.push_back(containing(place, member));
      } else if (operator_named(name, Type::map)) {
        if (auto key = one(member, map_text)) parts.push_back(test({place, {}}, Op::has_key, {std::move(*key)}));
      } else {
        operation(name, member, field, {place, {}}, false);
      }
    }
    return Condition::all(std::move(parts));
  }

  /// {"path": ["region"], "eq": "eu"}. The values of these maps are texts: what lies deeper is not there.
  Condition at_path(std::size_t place, const Value& path, const Value& whole, Reached reached) {
    std::vector<std::string> steps;
    {
      const auto within = trail_.into("path");
      const auto* items = path.as<Items>();
      if (!items && !path.as<std::string>()) return wrong("a list of names", path);
      if (items && (items->empty() || items->size() > limits::path_steps))
        return too_complex("names in a path (at least one)", limits::path_steps, items->size());
      for (std::size_t i = 0; i < (items ? items->size() : 1); ++i) {
        const auto step = one(items ? (*items)[i] : path, map_text);
        if (!step) return {};
        steps.push_back(std::get<std::string>(*step));
      }
    }
    // A name of a member that no map has: its text is null.
    return tests(whole, map_text, reached, {place, steps.size() == 1 ? steps[0] : std::string(1, '\0')});
  }

  Condition containing(std::size_t place, const Value& value) {
    const auto* members = value.as<Members>();
    if (!members) return wrong("an object", value);
    std::vector<Condition> parts;
    for (const auto& [name, member] : *members) {
      if (refusal_) break;
      const auto within = trail_.into(name);
      const auto* text = member.as<std::string>();
      if (!text) return wrong("a string: the values of these maps are texts", member);
      if (one(member, map_text)) parts.push_back(test({place, name}, Op::eq, {*text}));
    }
    return Condition::all(std::move(parts));
  }

  Condition related(const Relation& relation, const Value& value, Reached reached) {
    ++reached.hops;
    if (reached.hops > reading_.hops) return too_complex("relations of relations", reading_.hops, reached.hops);
    if (!count_leaf()) return {};
    const auto& target = entity(relation.target);
    if (const auto* exists = value.as<bool>())
      return Condition::related(relation, *exists ? Quantifier::some : Quantifier::none, Condition::all());
    if (value.null() && !relation.many) return Condition::related(relation, Quantifier::none, Condition::all());
    const auto* members = value.as<Members>();
    if (!members) return wrong(relation.many ? "a filter, true or false" : "a filter or null", value);
    const auto quantified = [&](const std::string& name) {
      return relation.many ? name == "some" || name == "every" || name == "none" : name == "is" || name == "isNot";
    };
    if (std::ranges::none_of(*members, [&](const auto& member) { return quantified(member.first); }))
      return Condition::related(relation, Quantifier::some, filter(value, target, reached));
    std::vector<Condition> parts;
    for (const auto& [name, member] : *members) {
      if (refusal_) break;
      const auto within = trail_.into(name);
      if (!quantified(name))
        return refuse("unknown_operator",
                      "stands beside " + std::string(relation.many ? "some, every or none" : "is or isNot") +
                          "; put it into the filter below that");
      const bool negated = name == "none" || name == "isNot";
      const auto quantifier = name == "every" ? Quantifier::every : negated ? Quantifier::none : Quantifier::some;
      if (member.null() && !relation.many)
        parts.push_back(Condition::related(relation, negated ? Quantifier::some : Quantifier::none, Condition::all()));
      else parts.push_back(Condition::related(relation, quantifier, filter(member, target, reached)));
    }
    return Condition::all(std::move(parts));
  }

  Condition test(const Subject& subject, Op op, std::vector<Datum> operands = {}) {
    if (!count_leaf()) return {};
    auto made = Condition::test(subject.place, op, std::move(operands));
    made.member = subject.member;
    return made;
  }

  bool count_node() {
    if (++nodes_ <= limits::nodes) return true;
    too_complex("objects", limits::nodes, nodes_);
    return false;
  }

  bool count_leaf() {
    if (++leaves_ <= limits::leaves) return true;
    too_complex("conditions", limits::leaves, leaves_);
    return false;
  }

  std::optional<Datum> one(const Value& value, const Field& field) {
    auto operand = operand_of(value, field);
    if (!operand.datum) wrong(operand.expected, value, std::move(operand.allowed));
    return std::move(operand.datum);
  }

  Condition wrong(const std::string& expected, const Value& value, std::vector<std::string> allowed = {}) {
    if (refusal_) return {};
    refuse("invalid_filter", "expected " + expected + ", got " + describe(value), std::move(allowed));
    refusal_->expected = expected;
    refusal_->found = describe(value);
    return {};
  }

  Condition too_complex(const std::string& what, std::size_t limit, std::size_t found) {
    return refuse("filter_too_complex", "at most " + std::to_string(limit) + " " + what + "; found " +
                                            std::to_string(found));
  }

  Condition refuse(std::string code, const std::string& message, std::vector<std::string> allowed = {}) {
    if (!refusal_)
      refusal_ = Refusal{std::move(code), trail_.text() + ": " + message, reading_.param, trail_.pointer(), {}, {},
                         std::move(allowed)};
    return {};
  }

  const FilterReading& reading_;
  Trail trail_;
  std::size_t leaves_ = 0;
  std::size_t nodes_ = 0;
  std::size_t listed_ = 0;
  std::optional<Refusal> refusal_;
};

}  // namespace

Read<Condition> read_filter(const Value& filter, const FilterReading& reading) {
  return Reader(reading).read(filter);
}

Read<Datum> read_operand(std::string_view text, const Field& field, const std::string& param) {
  Value value{std::string(text)};
  if (field.type == Type::flag && (text == "true" || text == "false")) value.is = text == "true";
  if (field.type == Type::integer) {
    const bool digits = !text.empty() && text.size() < 18 && text.find_first_not_of("0123456789") == text.npos;
    if (digits) value.is = static_cast<std::int64_t>(std::stoll(std::string(text)));
  }
  auto operand = operand_of(value, field);
  if (operand.datum) return std::move(*operand.datum);
  const auto found = in_quotes(text);
  return tl::unexpected(Refusal{"invalid_parameter", param + " must be " + operand.expected + "; got " + found, param,
                                {}, operand.expected, found, std::move(operand.allowed)});
}

}  // namespace mayfly::query
