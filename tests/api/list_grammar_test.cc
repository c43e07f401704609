// The grammar of lists as clients write it: what it means, every name of an operator, and what is refused how.

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "api/list_request.h"
#include "core/query/filter.h"
#include "json/reader.h"

namespace mayfly::api {
namespace {

using query::Listed;
using query::Spelling;

const query::Entity& tasks() { return query::entity(Listed::cleanup_task); }

query::Read<query::Condition> read(std::string_view text, std::size_t hops = query::limits::hops,
                                   Spelling spelling = Spelling::camel) {
  const auto value = json::parse(text);
  EXPECT_TRUE(value) << value.error().message;
  return query::read_filter(value_of(*value), {tasks(), spelling, hops, "filter"});
}

std::string meaning(std::string_view text, std::size_t hops = query::limits::hops) {
  const auto condition = read(text, hops);
  return condition ? query::to_text(*condition, tasks()) : condition.error().code + " " + condition.error().message;
}

/// {"a": {"a": ... inner ...}}
std::string nested(std::string_view name, int depth, std::string inner) {
  while (depth-- > 0) inner = "{\"" + std::string(name) + "\": " + inner + "}";
  return inner;
}

TEST(ListFilter, MeansWhatItSays) {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {R"({})", "(all)"},
      {R"({"status": "failed"})", "status eq 3"},
      {R"({"status": {"in": ["pending", "failed"]}, "attempts": {"gte": 3, "lt": 9}})",
       "(all status in 0 3 (all attempts gte 3 attempts lt 9))"},
      {R"({"completedAt": null})", "completedAt isNull"},
      {R"({"completedAt": {"ne": null}})", "completedAt isNotNull"},
      {R"({"completedAt": {"isNull": false}})", "completedAt isNotNull"},
      {R"({"completedAt": {"isNotNull": false}})", "completedAt isNull"},
      {R"({"completedAt": {"is": "NULL"}})", "completedAt isNull"},
      {R"({"completedAt": {"is": "NOT_NULL"}})", "completedAt isNotNull"},
      {R"({"createdAt": {"gt": "1970-01-01T01:00:00.000001+01:00"}})", "createdAt gt 1"},
      {R"({"attempts": {"between": [1, 3.0]}})", "attempts between 1 3"},
      {R"({"AND": []})", "(all)"},
      {R"({"OR": []})", "(any)"},
      {R"({"AND": {"attempts": 1}})", "attempts eq 1"},
      {R"({"NOT": {"OR": [{"attempts": 1}, {"attempts": 2}]}})", "(not (any attempts eq 1 attempts eq 2))"},
      {R"({"attempts": {"OR": [{"lt": 1}, {"gt": 5}]}})", "(any attempts lt 1 attempts gt 5)"},
      {R"({"attempts": {"not": 4}})", "attempts ne 4"},
      {R"({"attempts": {"not": {"gt": 4}}})", "(not attempts gt 4)"},
      {R"({"lastError": {"contains": "disk", "mode": "insensitive"}})", "lastError i-contains 4:disk"},
      {R"({"lastError": {"iendsWith": "full"}})", "lastError i-endsWith 4:full"},
      {R"({"lastError": {"startsWith": ""}})", "lastError isNotNull"},
      {R"({"metadata": {"hasKey": "region"}})", "(all metadata hasKey 6:region)"},
      {R"({"metadata": {"path": ["region"], "eq": "eu"}})", "metadata[6:region] eq 2:eu"},
      {R"({"metadata": {"jsonContains": {"region": "eu"}}})", "(all (all metadata[6:region] eq 2:eu))"},
      {R"({"parent": null})", "(none parent (all))"},
      {R"({"parent": {"status": "failed"}})", "(some parent status eq 3)"},
      {R"({"parent": {"isNot": {"status": "failed"}}})", "(all (none parent status eq 3))"},
      {R"({"parent": {"isNot": null}})", "(all (some parent (all)))"},
      {R"({"children": true})", "(some children (all))"},
      {R"({"children": false})", "(none children (all))"},
      {R"({"children": {"every": {"status": "completed"}, "none": {"attempts": 0}}})",
       "(all (every children status eq 2) (none children attempts eq 0))"},
      {R"({"sourceEvent": {"type": "sandbox.deleted", "cleanupTasks": {"none": {}}}})",
       "(some sourceEvent (all type eq 15:sandbox.deleted (all (none cleanupTasks (all)))))"},
      {R"({"id": {"in": []}, "parentId": {"notIn": []}})", "(all id in parentId notIn)"},
      {R"({"step": true})", "step eq 1"},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(meaning(text), expected) << text;
}

TEST(ListFilter, KnowsEveryOperatorByAllItsNames) {
  const std::vector<std::pair<std::string, std::vector<const char*>>> operators = {
      {"attempts eq 1", {"eq", "equals", "equalTo", "_eq", "is"}},
      {"attempts ne 1", {"ne", "neq", "not", "notEqualTo", "_neq", "isNot"}},
      {"attempts isDistinctFrom 1", {"isDistinctFrom", "distinctFrom"}},
      {"attempts gt 1", {"gt", "_gt", "greaterThan"}},
      {"attempts gte 1", {"gte", "_gte", "greaterThanOrEqualTo"}},
      {"attempts lt 1", {"lt", "_lt", "lessThan"}},
      {"attempts lte 1", {"lte", "_lte", "lessThanOrEqualTo"}}};
  for (const auto& [expected, names] : operators)
    for (const auto* name : names)
      EXPECT_EQ(meaning("{\"attempts\": {\"" + std::string(name) + "\": 1}}"), expected) << name;
  for (const auto* name : {"in", "_in", "inArray"})
    EXPECT_EQ(meaning("{\"attempts\": {\"" + std::string(name) + "\": [1]}}"), "attempts in 1") << name;
  for (const auto* name : {"notIn", "nin", "not_in", "_nin", "notInArray"})
    EXPECT_EQ(meaning("{\"attempts\": {\"" + std::string(name) + "\": [1]}}"), "attempts notIn 1") << name;
  for (const auto* name : {"isNull", "_is_null", "null"})
    EXPECT_EQ(meaning("{\"attempts\": {\"" + std::string(name) + "\": true}}"), "attempts isNull") << name;
  for (const auto* name : {"ilike", "_ilike", "iLike"})
    EXPECT_EQ(meaning("{\"lastError\": {\"" + std::string(name) + "\": \"a%\"}}"), "lastError i-like 2:a%") << name;
  for (const auto* name : {"AND", "and", "_and"})
    EXPECT_EQ(meaning("{\"" + std::string(name) + "\": [{\"attempts\": 1}]}"), "(all attempts eq 1)") << name;
  for (const auto* name : {"OR", "or", "_or"})
    EXPECT_EQ(meaning("{\"" + std::string(name) + "\": [{\"attempts\": 1}]}"), "(any attempts eq 1)") << name;
  for (const auto* name : {"NOT", "not", "_not"})
    EXPECT_EQ(meaning("{\"" + std::string(name) + "\": {\"attempts\": 1}}"), "(not attempts eq 1)") << name;
}

TEST(ListFilter, RefusesWithThePlaceWhatWasExpectedAndWhatWasFound) {
  struct Row {
    const char* text;
    const char* code;
    const char* message;
    const char* path;
  };
  const std::vector<Row> rows = {
      {R"({"OR": [{}, {"attempts": {"gte": "three"}}]})", "invalid_filter",
       "filter.OR[1].attempts.gte: expected an integer, got the string \"three\"", "/OR/1/attempts/gte"},
      {R"({"stauts": "failed"})", "unknown_field", "filter.stauts: no such field; did you mean status?", "/stauts"},
      {R"({"attempts": {"gtt": 1}})", "unknown_operator",
       "filter.attempts.gtt: no such operator here; did you mean gt?", "/attempts/gtt"},
      {R"({"attempts": {"like": "1%"}})", "unknown_operator", "filter.attempts.like: no such operator here",
       "/attempts/like"},
      {R"({"lastError": {"eq": "disk", "mode": "insensitive"}})", "invalid_filter",
       "filter.lastError.eq: mode goes with like, contains, startsWith and endsWith, and compares nothing else",
       "/lastError/eq"},
      {R"({"lastError": {"regex": ".*"}})", "operator_not_supported",
       "filter.lastError.regex: regular expressions have no bound on their cost; use like, contains, startsWith or "
       "endsWith",
       "/lastError/regex"},
      {R"({"status": "faild"})", "invalid_filter",
       "filter.status: expected one of pending, in_progress, completed, failed (did you mean failed?), got the string "
       "\"faild\"",
       "/status"},
      {R"({"NOT": []})", "invalid_filter",
       "filter.NOT: takes one filter and no list; write NOT: {OR: [...]} or NOT: {AND: [...]}", "/NOT"},
      {R"({"AND": [], "and": []})", "invalid_filter",
       "filter.and: the same word is given twice in one object, in two spellings", "/and"},
      {R"({"id": {"in": ["a", null]}})", "invalid_filter",
       "filter.id.in[1]: null is no item of a list; use isNull beside it", "/id/in/1"},
      {R"({"attempts": [1]})", "invalid_filter",
       "filter.attempts: expected a value, null or an object of operators, got an array of 1 item", "/attempts"},
      {R"({"attempts": 1.5})", "invalid_filter", "filter.attempts: expected an integer, got number 1.5", "/attempts"},
      {R"({"attempts": 1e300})", "invalid_filter", "filter.attempts: expected an integer, got number 1e+300",
       "/attempts"},
      {R"({"attempts": 18446744073709551615})", "invalid_filter",
       "filter.attempts: expected an integer, got number 18446744073709551616", "/attempts"},
      {R"({"createdAt": "2026-01-01"})", "invalid_filter",
       "filter.createdAt: expected a time in RFC 3339 with Z or an offset, such as 2026-11-21T10:30:00Z, got the "
       "string \"2026-01-01\"",
       "/createdAt"},
      {R"({"lastError": "a\u0000b"})", "invalid_filter",
       "filter.lastError: expected a string without the character U+0000, got the string \"a?b\"", "/lastError"},
      {R"({"metadata": "x"})", "invalid_filter",
       "filter.metadata: expected an object with hasKey, path or jsonContains, got the string \"x\"", "/metadata"},
      {R"({"lastError": {"like": "%%%%%%%%%"}})", "filter_too_complex",
       "filter.lastError.like: at most 8 wildcards of a pattern; found 9", "/lastError/like"},
      {R"({"parent": {"parent": {"parent": true}}})", "filter_too_complex",
       "filter.parent.parent.parent: at most 2 relations of relations; found 3", "/parent/parent/parent"},
      {R"([])", "invalid_filter", "filter: expected an object, got an array of 0 items", ""},
      {R"({"a/b~c d": 1})", "unknown_field", "filter[\"a/b~c d\"]: no such field", "/a~1b~0c d"},
      {R"({"children": {"some": {}, "status": "failed"}})", "unknown_operator",
       "filter.children.status: stands beside some, every or none; put it into the filter below that",
       "/children/status"},
  };
  for (const auto& row : rows) {
    const auto refused = read(row.text);
    ASSERT_FALSE(refused) << row.text;
    EXPECT_EQ(refused.error().code, row.code) << row.text;
    EXPECT_EQ(refused.error().message, row.message);
    EXPECT_EQ(refused.error().path, row.path);
  }
  EXPECT_THAT(read(R"({"attempts": {"gtt": 1}})").error().allowed,
              testing::ElementsAre("eq", "ne", "isDistinctFrom", "in", "notIn", "gt", "gte", "lt", "lte", "between",
                                   "isNull", "isNotNull"));
}

TEST(ListFilter, HasLimitsAndStopsAtEach) {
  const auto leaves = [](int count) {
    std::string list;
    for (int i = 0; i < count; ++i) list += std::string(i ? "," : "") + R"({"attempts": 1})";
    return "{\"OR\": [" + list + "]}";
  };
  const auto items = [](int count) {
    std::string list = "1";
    for (int i = 1; i < count; ++i) list += ",1";
    return "{\"in\": [" + list + "]}";
  };
  EXPECT_TRUE(read(nested("AND", 8, "{}")));
  EXPECT_EQ(read(nested("AND", 9, "{}")).error().code, "filter_too_complex");
  EXPECT_TRUE(read(leaves(64)));
  EXPECT_EQ(read(leaves(65)).error().message, "filter.OR[64].attempts: at most 64 conditions; found 65");
  EXPECT_TRUE(read("{\"attempts\": " + items(500) + "}"));
  std::string empty = "{}";
  for (int i = 1; i < 100; ++i) empty += ",{}";
  const auto many = R"({"OR": [)" + empty + "]}";
  EXPECT_TRUE(read(R"({"AND": [)" + many + "," + many + "]}"));
  EXPECT_EQ(read(R"({"AND": [)" + many + "," + many + "," + many + "]}").error().code, "filter_too_complex")
      << "what says nothing makes the statement deeper all the same";
  EXPECT_EQ(read("{\"attempts\": " + items(501) + "}").error().code, "filter_too_complex");
  const auto three = "{\"AND\": [{\"attempts\": " + items(400) + "}, {\"attempts\": " + items(400) +
                     "}, {\"attempts\": " + items(400) + "}]}";
  EXPECT_EQ(read(three).error().message,
            "filter.AND[2].attempts.in: at most 1000 items in all lists together; found 1200");
  const auto hops = R"({"parent": {"parent": {"parent": true}}})";
  EXPECT_FALSE(read(hops));
  EXPECT_TRUE(read(hops, query::limits::admin_hops));
}

TEST(ListFilter, IsSpelledAsItsDialectSpells) {
  EXPECT_TRUE(read(R"({"created_at": {"gt": "2026-01-01T00:00:00Z"}})", 2, Spelling::snake));
  EXPECT_EQ(read(R"({"createdAt": null})", 2, Spelling::snake).error().message,
            "filter.createdAt: no such field; did you mean created_at?");
}

std::string order(std::string_view text) {
  const auto value = json::parse(text);
  const auto given = value_of(*value);
  const auto read = query::read_order(&given, tasks(), Spelling::camel, "orderBy");
  return read ? query::to_text(*read, tasks()) : read.error().code + " " + read.error().message;
}

query::Value any_value(int depth) {
  const auto word = [] {
    return *rc::gen::element<std::string>(
        "AND", "OR", "NOT", "not", "attempts", "status", "metadata", "parent", "children", "sourceEvent", "some", "is",
        "eq", "in", "between", "isNull", "like", "path", "hasKey", "mode", "failed", "createdAt",
        "2026-01-01T00:00:00Z", "%_\\", "");
  };
  switch (*rc::gen::inRange(0, depth > 0 ? 7 : 5)) {
    case 0: return {};
    case 1: return {*rc::gen::arbitrary<bool>()};
    case 2: return {*rc::gen::arbitrary<std::int64_t>()};
    case 3: return {*rc::gen::arbitrary<double>()};
    case 4: return {word()};
    case 5: {
      query::Items items;
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) items.push_back(any_value(depth - 1));
      return {std::move(items)};
    }
    default: {
      query::Members members;
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        auto name = word();
        if (!query::Value{members}.member(name)) members.emplace_back(std::move(name), any_value(depth - 1));
      }
      return {std::move(members)};
    }
  }
}

RC_GTEST_PROP(ListFilter, IsReadOrRefusedWhateverItIs, ()) {
  const auto value = any_value(6);
  const auto condition = query::read_filter(value, {tasks(), Spelling::camel, query::limits::hops, "filter"});
  if (condition) RC_ASSERT(!query::to_text(*condition, tasks()).empty());
  else RC_ASSERT(!condition.error().code.empty() && condition.error().message.starts_with("filter"));
  const auto order = query::read_order(&value, tasks(), Spelling::camel, "orderBy");
  if (order) RC_ASSERT(order->back().field == 0u);
  else RC_ASSERT(order.error().code == "invalid_order_by" || order.error().code == "unknown_field");
}

TEST(ListOrder, KnowsDirectionsInAnySpelling) {
  const std::string last = "completedAt asc nulls last;id asc nulls last;";
  const std::string first = "completedAt asc nulls first;id asc nulls last;";
  for (const auto* word : {"asc", "ASC", "asc_nulls_last", "ascNullsLast", "AscNullsLast", "ASC NULLS LAST",
                           "asc-nulls-last"})
    EXPECT_EQ(order("[{\"completedAt\": \"" + std::string(word) + "\"}]"), last) << word;
  for (const auto* word : {"asc_nulls_first", "ascNullsFirst", "AscNullsFirst", "ASC NULLS FIRST", "asc-nulls-first"})
    EXPECT_EQ(order("[{\"completedAt\": \"" + std::string(word) + "\"}]"), first) << word;
  for (const auto* word : {"desc", "desc_nulls_first", "DescNullsFirst", "DESC NULLS FIRST"})
    EXPECT_EQ(order("[{\"completedAt\": \"" + std::string(word) + "\"}]"),
              "completedAt desc nulls first;id desc nulls first;") << word;
  EXPECT_EQ(order(R"([{"completedAt": "descNullsLast"}])"), "completedAt desc nulls last;id desc nulls first;");
}

TEST(ListOrder, EndsWithTheIdAndSaysNothingTwice) {
  EXPECT_EQ(order("[]"), "id desc nulls first;");
  EXPECT_EQ(order(R"({"createdAt": "asc"})"), "id asc nulls last;");
  EXPECT_EQ(order(R"([{"status": "asc"}, {"createdAt": "desc"}])"), "status asc nulls last;id desc nulls first;");
  EXPECT_EQ(order(R"([{"createdAt": "desc"}, {"id": "asc"}, {"status": "asc"}])"),
            "createdAt desc nulls first;id asc nulls last;");
}

TEST(ListOrder, RefusesWhatHasNoOrder) {
  EXPECT_EQ(order(R"([{"status": "asc", "attempts": "desc"}])"),
            "invalid_order_by orderBy[0] has 2 keys; a JSON object has no order, use [{a: \"asc\"}, {b: \"desc\"}]");
  EXPECT_EQ(order(R"([{"status": "asc"}, {"status": "desc"}])"),
            "invalid_order_by orderBy[1].status: the field is given twice");
  EXPECT_EQ(order(R"([{"statsu": "asc"}])"),
            "unknown_field orderBy[0].statsu: no such field; did you mean status?");
  EXPECT_EQ(order(R"([{"lastError": "asc"}])"),
            "invalid_order_by orderBy[0].lastError: this list is not sorted by that");
  EXPECT_THAT(order(R"([{"status": "up"}])"), testing::HasSubstr("expected one of asc, desc, asc_nulls_first"));
  EXPECT_THAT(order(R"("status")"), testing::HasSubstr("expected a list such as"));
  EXPECT_THAT(order(R"([{"id": "asc"}, {}])"), testing::HasSubstr("orderBy[1] has 0 keys"));
  EXPECT_THAT(order("[{},{},{},{},{},{},{}]"), testing::HasSubstr("at most 6 keys; found 7"));
}

ListRules rules() { return {.what = Listed::cleanup_task, .shorts = task_shorts(), .also = {}}; }

std::string asked(std::vector<std::pair<std::string, std::string>> query) {
  http::Request request;
  request.query = std::move(query);
  const auto members = members_of_query(request, rules());
  const auto wish = members ? read_list(*members, rules(), false)
                            : query::Read<ListWish>(tl::unexpected(members.error()));
  if (!wish) return wish.error().code + " " + wish.error().message;
  return std::to_string(wish->limit) + " " + query::to_text(wish->where, tasks());
}

TEST(ListRequest, IsReadFromAQueryString) {
  EXPECT_EQ(asked({}), "100 (all step eq 0)");
  EXPECT_EQ(asked({{"limit", "7"}, {"status", "failed"}, {"filter", R"({"attempts": 1})"}}),
            "7 (all step eq 0 status eq 3 attempts eq 1)");
  EXPECT_EQ(asked({{"ids", "clt_1,clt_2,clt_1"}}), "100 (all id in 5:clt_1 5:clt_2)") << "steps are found by their ids";
  EXPECT_EQ(asked({{"parent_id", "clt_1"}}), "100 (all parentId eq 5:clt_1)");
  EXPECT_EQ(asked({{"ids", ""}}), "100 (all id in)");
  EXPECT_EQ(asked({{"steps", "true"}}), "100 (all)");
}

TEST(ListRequest, RefusesWhatItDoesNotKnow) {
  const std::vector<std::pair<std::pair<const char*, const char*>, const char*>> rows = {
      {{"limit", "0"}, "invalid_limit limit must be an integer from 1 to 100; got 0"},
      {{"limit", "101"}, "invalid_limit limit must be an integer from 1 to 100; got 101"},
      {{"limit", "ten"}, "invalid_limit limit must be an integer from 1 to 100; got \"ten\""},
      {{"limit", ""}, "invalid_limit limit must be an integer from 1 to 100; got \"\""},
      {{"limit", "-1"}, "invalid_limit limit must be an integer from 1 to 100; got -1"},
      {{"staus", "failed"}, "unknown_parameter no such query parameter: staus; did you mean status?"},
      {{"filter", R"({"a" 1})"}, "invalid_json filter is not valid JSON at byte 5: expected a colon, found '1'"},
      {{"filter", R"({"a": 1, "a": 2})"},
       "invalid_json filter is not valid JSON at byte 11: the member \"a\" is given twice in one object"},
      {{"filter", R"({"lastError": "\ud800"})"},
       "invalid_json filter is not valid JSON at byte 15: the escape \\ud800 is one half of a surrogate pair, without "
       "the other half"},
      {{"steps", "yes"}, "invalid_parameter steps must be true or false; got the string \"yes\""},
      {{"total", "all"}, "invalid_parameter total must be exact, bounded or none; got the string \"all\""},
      {{"status", "gone"},
       "invalid_parameter status must be one of pending, in_progress, completed, failed; got \"gone\""},
  };
  for (const auto& [given, expected] : rows) EXPECT_EQ(asked({given}), expected);
  EXPECT_EQ(asked({{"after", "a"}, {"before", "b"}}),
            "cursor_conflict after and before stand beside each other: a page begins after one row, or ends before "
            "one");
  EXPECT_EQ(asked({{"limit", "1"}, {"limit", "2"}}), "invalid_parameter limit must be given once; got it again");
  EXPECT_THAT(asked({{"filter", "\"" + std::string(9'000, 'x') + "\""}}),
              testing::StartsWith("filter_too_complex filter must be at most 8192 bytes"));
  EXPECT_THAT(asked({{"filter", std::string(40, '[') + std::string(40, ']')}}), testing::StartsWith("invalid_json"));
  std::string ids = "i0";
  for (int i = 1; i <= 100; ++i) ids += ",i" + std::to_string(i);
  EXPECT_EQ(asked({{"ids", ids}}), "invalid_ids ids must be at most 100 ids; got 101");
}

TEST(ListRequest, IsReadFromABodyWithTheSameMembers) {
  const auto members = members_of_body(
      R"({"limit": 3, "ids": ["clt_1"], "filter": {"attempts": 1}, "orderBy": {"status": "asc"}, "after": null})");
  ASSERT_TRUE(members);
  const auto wish = read_list(*members, rules(), false);
  ASSERT_TRUE(wish) << wish.error().message;
  EXPECT_EQ(wish->limit, 3u);
  EXPECT_EQ(query::to_text(wish->where, tasks()), "(all id in 5:clt_1 attempts eq 1)");
  EXPECT_FALSE(wish->after);
  EXPECT_EQ(members_of_body("[]").error().code, "invalid_json");
  EXPECT_EQ(members_of_body("{").error().code, "invalid_json");
}

}  // namespace
}  // namespace mayfly::api
