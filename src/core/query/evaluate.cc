#include "core/query/evaluate.h"

#include <algorithm>

#include "base/result.h"

namespace mayfly::query {

namespace {

enum class Truth { no, unknown, yes };

Truth truth(bool known) { return known ? Truth::yes : Truth::no; }
Truth negated(Truth t) { return t == Truth::yes ? Truth::no : t == Truth::no ? Truth::yes : Truth::unknown; }

std::string folded(std::string text) {
  for (auto& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// Where the character that begins at `at` ends.
std::size_t after_character(std::string_view text, std::size_t at) {
  ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
  return at;
}

bool like(std::string_view text, std::string_view pattern) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '%') {
    for (std::size_t skipped = 0; skipped <= text.size(); ++skipped)
      if (like(text.substr(skipped), pattern.substr(1))) return true;
    return false;
  }
  if (text.empty()) return false;
  if (pattern[0] == '_') return like(text.substr(after_character(text, 0)), pattern.substr(1));
  const bool escape = pattern[0] == '\\' && pattern.size() > 1;
  return text[0] == pattern[escape] && like(text.substr(1), pattern.substr(escape ? 2 : 1));
}

Truth text_test(const Condition& test, std::string text) {
  auto pattern = std::get<std::string>(test.operands[0]);
  if (test.insensitive) {
    text = folded(std::move(text));
    pattern = folded(std::move(pattern));
  }
  switch (test.op) {
    case Op::like: return truth(like(text, pattern));
    case Op::not_like: return truth(!like(text, pattern));
    case Op::contains: return truth(text.find(pattern) != text.npos);
    case Op::starts_with: return truth(text.starts_with(pattern));
    case Op::ends_with: return truth(text.ends_with(pattern));
    default: CHECK(false);
  }
}

Datum subject_of(const Condition& test, const Facts& row) {
  if (!test.member) return row[test.field];
  const auto& map = std::get<Map>(row[test.field]);
  const auto found = map.find(*test.member);
  return found == map.end() ? Datum() : Datum(found->second);
}

Truth holds(const Condition& test, const Facts& row) {
  if (test.op == Op::has_key)
    return truth(std::get<Map>(row[test.field]).contains(std::get<std::string>(test.operands[0])));
  const auto value = subject_of(test, row);
  const bool listed = std::ranges::find(test.operands, value) != test.operands.end();
  switch (test.op) {
    case Op::is_null: return truth(is_null(value));
    case Op::not_null: return truth(!is_null(value));
    case Op::distinct: return truth(is_null(value) || value != test.operands[0]);
    case Op::in: if (test.operands.empty()) return Truth::no; break;
    case Op::not_in: if (test.operands.empty()) return Truth::yes; break;
    default: break;
  }
  if (is_null(value)) return Truth::unknown;
  switch (test.op) {
    case Op::eq: return truth(value == test.operands[0]);
    case Op::ne: return truth(value != test.operands[0]);
    case Op::in: return truth(listed);
    case Op::not_in: return truth(!listed);
    case Op::gt: return truth(value > test.operands[0]);
    case Op::gte: return truth(value >= test.operands[0]);
    case Op::lt: return truth(value < test.operands[0]);
    case Op::lte: return truth(value <= test.operands[0]);
    case Op::between: return truth(value >= test.operands[0] && value <= test.operands[1]);
    default: return text_test(test, std::get<std::string>(value));
  }
}

Truth truth_of(const Condition& condition, const Entity& entity, const Facts& row, const ResourceId& scope,
               const Everything& everything);

Truth related(const Condition& condition, const Entity& here, const Facts& row, const ResourceId& scope,
              const Everything& everything) {
  const auto& relation = *condition.relation;
  const auto& there = entity(relation.target);
  const auto& link = row[place_of(here, relation.from)];
  const auto to = place_of(there, relation.to);
  bool found = false;
  for (const auto& other : everything(relation.target)) {
    if (is_null(link) || other[to] != link || other[there.scope] != Datum(scope.text)) continue;
    const auto truth = truth_of(condition.parts[0], there, other, scope, everything);
    found = found || (condition.quantifier == Quantifier::every ? truth != Truth::yes : truth == Truth::yes);
  }
  return truth(found == (condition.quantifier == Quantifier::some));
}

Truth truth_of(const Condition& condition, const Entity& entity, const Facts& row, const ResourceId& scope,
               const Everything& everything) {
  const auto part = [&](const Condition& one) { return truth_of(one, entity, row, scope, everything); };
  auto together = condition.kind == Condition::Kind::any ? Truth::no : Truth::yes;
  switch (condition.kind) {
    case Condition::Kind::all:
      for (const auto& one : condition.parts) together = std::min(together, part(one));
      return together;
    case Condition::Kind::any:
      for (const auto& one : condition.parts) together = std::max(together, part(one));
      return together;
    case Condition::Kind::negation: return negated(part(condition.parts[0]));
    case Condition::Kind::test: return holds(condition, row);
    case Condition::Kind::related: return related(condition, entity, row, scope, everything);
  }
  return Truth::no;
}

}  // namespace

bool matches(const Listing& listing, const Facts& row, const Everything& everything) {
  const auto& of = entity(listing.what);
  return (listing.everywhere || row[of.scope] == Datum(listing.scope.text)) &&
         truth_of(listing.where, of, row, listing.scope, everything) == Truth::yes;
}

int compare(const Order& order, const std::vector<Datum>& a, const std::vector<Datum>& b) {
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (a[i] == b[i]) continue;
    if (is_null(a[i]) || is_null(b[i])) return is_null(a[i]) == order[i].nulls_first ? -1 : 1;
    return (a[i] < b[i]) != order[i].descending ? -1 : 1;
  }
  return 0;
}

std::vector<Datum> keys_of(const Order& order, const Facts& row) {
  std::vector<Datum> keys;
  for (const auto& key : order) keys.push_back(row[key.field]);
  return keys;
}

Slice slice(const Listing& listing, const Everything& everything) {
  std::vector<Row> all;
  for (const auto& row : everything(listing.what))
    if (matches(listing, row, everything)) all.push_back({std::get<std::string>(row[0]), keys_of(listing.order, row)});
  std::ranges::sort(all, [&](const Row& a, const Row& b) { return compare(listing.order, a.keys, b.keys) < 0; });

  std::size_t begin = 0, end = all.size();
  const auto is_before = [&](const Row& row) { return compare(listing.order, row.keys, *listing.from) < 0; };
  const auto is_at_most = [&](const Row& row) { return compare(listing.order, row.keys, *listing.from) <= 0; };
  if (listing.from && !listing.backwards) begin = static_cast<std::size_t>(std::ranges::count_if(all, is_at_most));
  if (listing.from && listing.backwards) end = static_cast<std::size_t>(std::ranges::count_if(all, is_before));
  if (listing.backwards) begin = end - std::min(end, listing.limit);
  else end = std::min(end, begin + listing.limit);

  Slice slice;
  slice.rows.assign(all.begin() + static_cast<std::ptrdiff_t>(begin), all.begin() + static_cast<std::ptrdiff_t>(end));
  slice.has_previous = begin > 0;
  slice.has_next = end < all.size();
  if (listing.total != Total::none) slice.total = static_cast<std::int64_t>(all.size());
  return slice;
}

}  // namespace mayfly::query
