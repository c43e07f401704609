// In which order rows stand, and which of them are a page.

#include <gmock/gmock.h>

#include "core/query/evaluate.h"
#include "core/query/segments.h"
#include "core/written.h"

namespace mayfly::query {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

const Entity& tasks() { return entity(Listed::cleanup_task); }

Read<Order> read(const std::string& order, Spelling spelling = Spelling::camel) {
  const auto value = written(order);
  return read_order(&value, tasks(), spelling, "orderBy");
}

std::string text(const std::string& order) {
  const auto read_one = read(order);
  return read_one ? to_text(*read_one, tasks()) : read_one.error().message;
}

TEST(Order, EndsWithTheIdAndSaysNothingTwice) {
  EXPECT_EQ(to_text(*read_order(nullptr, tasks(), Spelling::camel, "orderBy"), tasks()), "id desc nulls first;");
  EXPECT_EQ(text("[]"), "id desc nulls first;");
  EXPECT_EQ(text("{'createdAt': 'asc'}"), "id asc nulls last;") << "ids are in the order of creation";
  EXPECT_EQ(text("[{'createdAt': 'asc'}, {'id': 'desc'}]"), "createdAt asc nulls last;id desc nulls first;");
  EXPECT_EQ(text("[{'status': 'asc'}]"), "status asc nulls last;id asc nulls last;");
  EXPECT_EQ(text("[{'status': 'desc'}, {'createdAt': 'desc'}]"), "status desc nulls first;id desc nulls first;");
  EXPECT_EQ(text("[{'id': 'asc'}, {'status': 'asc'}]"), "id asc nulls last;") << "behind an id nothing is undecided";
}

TEST(Order, KnowsItsDirectionsInAnySpelling) {
  const auto completed = [](const char* word) { return text("{'completedAt': '" + std::string(word) + "'}"); };
  for (const auto* word : {"asc", "ASC", "asc_nulls_last", "ascNullsLast", "ASC NULLS LAST", "asc-nulls-last"})
    EXPECT_EQ(completed(word), "completedAt asc nulls last;id asc nulls last;") << word;
  EXPECT_EQ(completed("ascNullsFirst"), "completedAt asc nulls first;id asc nulls last;");
  for (const auto* word : {"desc", "desc_nulls_first"})
    EXPECT_EQ(completed(word), "completedAt desc nulls first;id desc nulls first;") << word;
  EXPECT_EQ(completed("DescNullsLast"), "completedAt desc nulls last;id desc nulls first;");
  EXPECT_EQ(text("{'status': 'ascNullsFirst'}"), "status asc nulls last;id asc nulls last;") << "it is never null";
  EXPECT_TRUE(read("{'completed_at': 'asc'}", Spelling::snake));
  EXPECT_FALSE(read("{'completedAt': 'asc'}", Spelling::snake));
}

TEST(Order, RefusesWhatHasNone) {
  EXPECT_EQ(text("'x'"), "orderBy: expected a list such as [{\"createdAt\": \"desc\"}], got the string \"x\"");
  EXPECT_THAT(text("['status']"), HasSubstr("orderBy[0]: expected an object of one field and its direction"));
  EXPECT_THAT(text("[{'id': 'asc'}, {}]"), HasSubstr("orderBy[1] has 0 keys; a JSON object has no order"));
  EXPECT_THAT(text("{'status': 'asc', 'id': 'asc'}"), HasSubstr("orderBy has 2 keys"));
  EXPECT_EQ(text("[{'status': 'asc'}, {'status': 'desc'}]"), "orderBy[1].status: the field is given twice");
  EXPECT_THAT(text("{'statsu': 'asc'}"), HasSubstr("no such field; did you mean status?"));
  EXPECT_EQ(text("{'lastError': 'asc'}"), "orderBy.lastError: this list is not sorted by that");
  EXPECT_THAT(read("{'lastError': 'asc'}").error().allowed, Contains("completedAt"));
  EXPECT_THAT(read("{'lastError': 'asc'}").error().allowed, Not(Contains("lastError")));
  EXPECT_THAT(text("{'status': 'up'}"), HasSubstr("expected one of asc, desc, asc_nulls_first"));
  EXPECT_THAT(text("{'status': 1}"), HasSubstr("got number 1"));
  EXPECT_THAT(text("[{},{},{},{},{},{},{}]"), HasSubstr("at most 6 keys; found 7"));
}

Task task(const std::string& id, std::optional<int> completed) {
  Task made;
  made.id = {id};
  made.workspace = {"wsp_1"};
  if (completed) made.completed_at = service_time(*completed);
  return made;
}

/// Two that are done, one of them twice at the same instant, and two that are not.
std::vector<Facts> rows(Listed) {
  return {facts_of(task("clt_1", 20)), facts_of(task("clt_2", {})), facts_of(task("clt_3", 10)),
          facts_of(task("clt_4", {})), facts_of(task("clt_5", 20))};
}

std::string numbers(const Slice& slice) {
  std::string text = slice.has_previous ? "<" : "";
  for (const auto& row : slice.rows) text += row.id.substr(4);
  return text + (slice.has_next ? ">" : "");
}

Listing listed(const std::string& order, std::size_t limit) {
  Listing listing;
  listing.scope = {"wsp_1"};
  listing.order = *read(order);
  listing.limit = limit;
  return listing;
}

TEST(Pages, FollowEachOtherInBothDirectionsOverTiesAndNulls) {
  const std::pair<const char*, const char*> table[] = {
      {"{'completedAt': 'asc'}", "31524"},
      {"{'completedAt': 'ascNullsFirst'}", "24315"},
      {"{'completedAt': 'desc'}", "42513"},
      {"{'completedAt': 'descNullsLast'}", "51342"},
      {"[{'completedAt': 'asc'}, {'id': 'desc'}]", "35142"},
      {"{'createdAt': 'asc'}", "12345"},
  };
  for (const auto& [order, expected] : table) {
    for (const std::size_t limit : {1u, 2u, 3u, 5u, 9u}) {
      std::string forwards, backwards;
      auto listing = listed(order, limit);
      for (Slice page = slice(listing, rows);; page = slice(listing, rows)) {
        EXPECT_EQ(page.has_previous, listing.from.has_value());
        for (const auto& row : page.rows) forwards += row.id.substr(4);
        listing.from = page.rows.back().keys;
        if (!page.has_next) break;
      }
      listing.backwards = true;
      backwards = forwards.substr(4);
      for (Slice page = slice(listing, rows); !page.rows.empty(); page = slice(listing, rows)) {
        EXPECT_TRUE(page.has_next);
        std::string some;
        for (const auto& row : page.rows) some += row.id.substr(4);
        backwards.insert(0, some);
        listing.from = page.rows.front().keys;
      }
      EXPECT_EQ(forwards, expected) << order << limit;
      EXPECT_EQ(backwards, expected) << order << limit;
    }
  }
}

TEST(Pages, AreOfTheScopeAndCountedWhenAsked) {
  auto listing = listed("[]", 2);
  EXPECT_EQ(numbers(slice(listing, rows)), "54>");
  EXPECT_EQ(slice(listing, rows).total, 5);
  listing.total = Total::none;
  EXPECT_EQ(slice(listing, rows).total, std::nullopt);
  listing.from = {Datum(std::string("clt_2"))};
  EXPECT_EQ(numbers(slice(listing, rows)), "<1");
  listing.scope = {"wsp_2"};
  EXPECT_EQ(numbers(slice(listing, rows)), "");
}

/// The rows of a segment, as an index would find them.
bool within(const Segment& segment, const Order& order, const std::vector<Datum>& keys) {
  return std::ranges::all_of(segment, [&](const Bound& bound) {
    const auto& key = keys[bound.key];
    switch (bound.kind) {
      case Bound::Kind::same: return key == bound.value;
      case Bound::Kind::null: return is_null(key);
      case Bound::Kind::not_null: return !is_null(key);
      case Bound::Kind::after:
        return !is_null(key) && (order[bound.key].descending ? key < bound.value : key > bound.value);
    }
    return false;
  });
}

TEST(Segments, HoldEachRowBehindAPlaceOnceAndInTheOrderOfTheList) {
  for (const auto* word : {"asc", "ascNullsFirst", "desc", "descNullsLast"}) {
    const auto order = *read("[{'completedAt': '" + std::string(word) + "'}, {'status': 'asc'}]");
    std::vector<std::vector<Datum>> keys;
    for (const auto& row : rows(Listed::cleanup_task)) keys.push_back(keys_of(order, row));
    std::ranges::sort(keys, [&](const auto& a, const auto& b) { return compare(order, a, b) < 0; });
    const auto in = [&](const std::vector<Segment>& all) {
      std::vector<std::vector<Datum>> found;
      for (const auto& segment : all)
        for (const auto& row : keys)
          if (within(segment, order, row)) found.push_back(row);
      return found;
    };
    EXPECT_EQ(in(segments(order, tasks())), keys) << word;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const std::vector behind(keys.begin() + static_cast<std::ptrdiff_t>(i) + 1, keys.end());
      EXPECT_EQ(in(segments_after(order, tasks(), keys[i])), behind) << word << i;
      EXPECT_EQ(in({segment_at(order, keys[i])}), std::vector<std::vector<Datum>>({keys[i]})) << word << i;
    }
  }
}

TEST(Entities, SpellTheirFieldsAsADialectDoes) {
  EXPECT_EQ(spelled("sourceEventId", Spelling::camel), "sourceEventId");
  EXPECT_EQ(spelled("sourceEventId", Spelling::snake), "source_event_id");
  EXPECT_EQ(field_named(tasks(), "nothing"), std::nullopt);
  for (const auto what : {Listed::cleanup_task, Listed::event, Listed::workspace}) {
    const auto& one = entity(what);
    EXPECT_EQ(one.what, what);
    EXPECT_EQ(one.fields[0].name, "id");
    for (const auto& relation : one.relations) {
      EXPECT_TRUE(field_named(one, relation.from)) << relation.name;
      EXPECT_TRUE(field_named(entity(relation.target), relation.to)) << relation.name;
    }
  }
}

}  // namespace
}  // namespace mayfly::query
