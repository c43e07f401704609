#include "core/query/listing.h"

#include "base/result.h"

namespace mayfly::query {

namespace {

/// All the single tests that must hold; nothing when there is more to it.
std::optional<std::vector<const Condition*>> flattened(const Condition& condition) {
  if (condition.kind == Condition::Kind::test) return std::vector{&condition};
  if (condition.kind != Condition::Kind::all) return std::nullopt;
  std::vector<const Condition*> tests;
  for (const auto& part : condition.parts) {
    const auto below = flattened(part);
    if (!below) return std::nullopt;
    tests.insert(tests.end(), below->begin(), below->end());
  }
  return tests;
}

/// The words that one of `tests` leaves; the second test of a field is more than counters know.
bool take_words(const Condition& test, const Field& field, std::optional<std::vector<std::string>>& words) {
  if (words || (test.op != Op::eq && test.op != Op::in)) return false;
  words.emplace();
  for (const auto& operand : test.operands) {
    if (field.ranked) words->emplace_back(field.words[static_cast<std::size_t>(std::get<std::int64_t>(operand))]);
    else words->push_back(std::get<std::string>(operand));
  }
  return true;
}

}  // namespace

std::optional<Tally> tally_of(const Listing& listing) {
  const auto tests = flattened(listing.where);
  if (listing.what != Listed::cleanup_task || !tests) return std::nullopt;
  const auto& tasks = entity(Listed::cleanup_task);
  Tally tally;
  bool without_steps = false;
  for (const auto* test : *tests) {
    const auto& field = tasks.fields[test->field];
    if (field.name == "step" && test->op == Op::eq && test->operands == std::vector<Datum>{std::int64_t{0}})
      without_steps = true;
    else if (field.name == "status" && take_words(*test, field, tally.statuses)) continue;
    else if (field.name == "resourceType" && take_words(*test, field, tally.verbs)) continue;
    else return std::nullopt;
  }
  if (!without_steps) return std::nullopt;
  return tally;
}

}  // namespace mayfly::query
