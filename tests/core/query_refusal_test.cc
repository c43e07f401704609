// What a filter or an order may not be, and that the refusal says where, what was expected, and what was found.

#include <gmock/gmock.h>

#include "core/query/filter.h"
#include "core/query/operand.h"
#include "core/query/operators.h"
#include "core/written.h"

namespace mayfly::query {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Read<Condition> read(const std::string& filter, std::size_t hops = limits::hops) {
  return read_filter(written(filter), {.entity = entity(Listed::cleanup_task), .hops = hops});
}

std::string said(const std::string& filter) {
  const auto condition = read(filter);
  return condition ? "fine" : condition.error().code + " at " + condition.error().path;
}

std::string message(const std::string& filter) {
  const auto condition = read(filter);
  return condition ? "fine" : condition.error().message;
}

TEST(Refusal, SaysWhereTheTroubleIs) {
  const std::pair<const char*, const char*> table[] = {
      {"[]", "invalid_filter at "},
      {"{'stauts': 1}", "unknown_field at /stauts"},
      {"{'OR': [{}, {'attempts': {'gte': 'x'}}]}", "invalid_filter at /OR/1/attempts/gte"},
      {"{'OR': {}}", "invalid_filter at /OR"},
      {"{'NOT': []}", "invalid_filter at /NOT"},
      {"{'AND': [], '$and': []}", "invalid_filter at /$and"},
      {"{'attempts': {'gtt': 1}}", "unknown_operator at /attempts/gtt"},
      {"{'attempts': {'like': 'a'}}", "unknown_operator at /attempts/like"},
      {"{'attempts': [1]}", "invalid_filter at /attempts"},
      {"{'attempts': true}", "invalid_filter at /attempts"},
      {"{'attempts': 0.5}", "invalid_filter at /attempts"},
      {"{'attempts': 1e300}", "invalid_filter at /attempts"},
      {"{'attempts': {'gt': null}}", "invalid_filter at /attempts/gt"},
      {"{'attempts': {'in': 1}}", "invalid_filter at /attempts/in"},
      {"{'attempts': {'in': [1, null]}}", "invalid_filter at /attempts/in/1"},
      {"{'attempts': {'in': [1, 'x', 'y']}}", "invalid_filter at /attempts/in/1"},
      {"{'attempts': {'between': [1]}}", "invalid_filter at /attempts/between"},
      {"{'attempts': {'between': {}}}", "invalid_filter at /attempts/between"},
      {"{'attempts': {'between': [1, 'x']}}", "invalid_filter at /attempts/between/1"},
      {"{'attempts': {'between': ['x', 'y']}}", "invalid_filter at /attempts/between/0"},
      {"{'attempts': {'isNull': 1}}", "invalid_filter at /attempts/isNull"},
      {"{'completedAt': {'is': 'MAYBE'}}", "invalid_filter at /completedAt/is"},
      {"{'createdAt': 'today'}", "invalid_filter at /createdAt"},
      {"{'createdAt': 5}", "invalid_filter at /createdAt"},
      {"{'status': 'faild'}", "invalid_filter at /status"},
      {"{'status': 3}", "invalid_filter at /status"},
      {"{'status': {'gt': 'failed'}}", "unknown_operator at /status/gt"},
      {"{'step': 'yes'}", "invalid_filter at /step"},
      {"{'lastError': 5}", "invalid_filter at /lastError"},
      {"{'lastError': {'contains': 5}}", "invalid_filter at /lastError/contains"},
      {"{'lastError': {'regex': 'a'}}", "operator_not_supported at /lastError/regex"},
      {"{'lastError': {'contains': 'a', 'mode': 'loud'}}", "invalid_filter at /lastError/mode"},
      {"{'lastError': {'contains': 'a', 'mode': 1}}", "invalid_filter at /lastError/mode"},
      {"{'attempts': {'mode': 'insensitive'}}", "unknown_operator at /attempts/mode"},
      {"{'metadata': 'x'}", "invalid_filter at /metadata"},
      {"{'metadata': {'eq': 'x'}}", "unknown_operator at /metadata/eq"},
      {"{'metadata': {'hasKey': 1}}", "invalid_filter at /metadata/hasKey"},
      {"{'metadata': {'hasKey': 1, 'has_key': 2}}", "invalid_filter at /metadata/hasKey"},
      {"{'metadata': {'path': 1}}", "invalid_filter at /metadata/path"},
      {"{'metadata': {'path': []}}", "filter_too_complex at /metadata/path"},
      {"{'metadata': {'path': ['a', 1]}}", "invalid_filter at /metadata/path"},
      {"{'metadata': {'jsonContains': []}}", "invalid_filter at /metadata/jsonContains"},
      {"{'metadata': {'jsonContains': {'a': 1, 'b': 2}}}", "invalid_filter at /metadata/jsonContains/a"},
      {"{'parent': 'clt_1'}", "invalid_filter at /parent"},
      {"{'children': null}", "invalid_filter at /children"},
      {"{'children': {'some': {}, 'status': 'failed'}}", "unknown_operator at /children/status"},
      {"{'parent': {'is': {}, 'status': 'failed'}}", "unknown_operator at /parent/status"},
      {"{'parent': {'is': 5}}", "invalid_filter at /parent/is"},
      {"{'children': {'some': null}}", "invalid_filter at /children/some"},
      {"{'children': {'some': {'no': 1}, 'none': {'nor': 1}}}", "unknown_field at /children/some/no"},
      {"{'a/b~c': 1}", "unknown_field at /a~1b~0c"},
  };
  for (const auto& [filter, expected] : table) EXPECT_EQ(said(filter), expected) << filter;
}

TEST(Refusal, SaysWhatWasExpectedAndWhatWasFound) {
  EXPECT_EQ(message("{'stauts': 1}"), "filter.stauts: no such field; did you mean status?");
  EXPECT_EQ(message("{'qq': 1}"), "filter.qq: no such field");
  EXPECT_EQ(message("{'attempts': {'gtt': 1}}"), "filter.attempts.gtt: no such operator here; did you mean gt?");
  EXPECT_EQ(message("{'attempts': {'qqq': 1}}"), "filter.attempts.qqq: no such operator here");
  EXPECT_EQ(message("{'status': 'faild'}"),
            "filter.status: expected one of pending, in_progress, completed, failed (did you mean failed?), got the "
            "string \"faild\"");
  EXPECT_THAT(message("{'status': 'qq'}"), HasSubstr("in_progress, completed, failed, got the string"));
  EXPECT_EQ(message("{'attempts': 1.5}"), "filter.attempts: expected an integer, got number 1.5");
  EXPECT_EQ(message("{'attempts': [1, 2]}"),
            "filter.attempts: expected a value, null or an object of operators, got an array of 2 items");
  EXPECT_EQ(message("{'OR': {'a': 1}}"), "filter.OR: expected a list of filters, got an object of 1 member");
  EXPECT_EQ(message("{'attempts': {'in': null}}"), "filter.attempts.in: expected a list, got null");
  EXPECT_EQ(message("{'attempts': {'isNull': 7}}"), "filter.attempts.isNull: expected true or false, got number 7");
  EXPECT_EQ(message("{'attempts': false}"), "filter.attempts: expected an integer, got false");
  EXPECT_EQ(message("{'a b': 1}"), "filter[\"a b\"]: no such field");
  EXPECT_EQ(message("{'': 1}"), "filter[\"\"]: no such field");
  EXPECT_EQ(message("{'" + std::string(70, 'x') + "': 1}"),
            "filter[\"" + std::string(60, 'x') + "...\"]: no such field");
  EXPECT_THAT(read("{'attempts': {'gtt': 1}}").error().allowed, Contains("between"));
  EXPECT_THAT(read("{'metadata': {'eq': 1}}").error().allowed, ElementsAre("hasKey", "path", "jsonContains"));
  EXPECT_THAT(read("{'status': 'no'}").error().allowed, ElementsAre("pending", "in_progress", "completed", "failed"));
}

TEST(Refusal, ShowsTextAsItCanBeShown) {
  EXPECT_EQ(in_quotes("a \"b\" \\"), "\"a \\\"b\\\" \\\\\"");
  EXPECT_EQ(in_quotes("a\nb"), "\"a?b\"");
  EXPECT_EQ(in_quotes(std::string(60, 'x')), "\"" + std::string(60, 'x') + "\"");
  EXPECT_EQ(in_quotes(std::string(59, 'x') + "ö"), "\"" + std::string(59, 'x') + "...\"") << "no half of a character";
  EXPECT_EQ(in_quotes(std::string(80, '\x80')), "\"...\"") << "what is no character is cut as well";
  EXPECT_EQ(said("{'" + std::string(59, 'x') + "ö': 1}"), "unknown_field at /" + std::string(59, 'x'));
  EXPECT_EQ(describe(written("[]")), "an array of 0 items");
  EXPECT_EQ(describe(written("true")), "true");
  EXPECT_EQ(written("[]").member("a"), nullptr);
  EXPECT_EQ(written("{'b': 1}").member("a"), nullptr);
}

std::string list(int count, const std::string& item) {
  std::string text = count > 0 ? item : "";
  for (int i = 1; i < count; ++i) text += "," + item;
  return "[" + text + "]";
}

std::string nested(const std::string& name, int depth, std::string inner) {
  while (depth-- > 0) inner = "{'" + name + "': " + inner + "}";
  return inner;
}

TEST(Refusal, BoundsWhatAFilterCosts) {
  const auto any = [](int count) { return "{'OR': " + list(count, "{}") + "}"; };
  const auto of = [](const std::string& name, const std::string& what) { return "{'" + name + "': " + what + "}"; };
  const auto all = [](int count, const std::string& what) { return "{'AND': " + list(count, what) + "}"; };
  const struct {
    std::string largest, larger, why;
  } table[] = {
      {nested("AND", 8, "{}"), nested("AND", 9, "{}"), "at most 8 AND, OR and NOT within each other; found 9"},
      {of("attempts", nested("not", 8, "{}")), of("attempts", nested("not", 9, "{}")), "at most 8 AND"},
      {all(64, "{'attempts': 1}"), all(65, "{'attempts': 1}"), "at most 64 conditions; found 65"},
      {any(100), any(101), "at most 100 filters in one list"},
      {all(2, any(100)), all(3, any(100)), "at most 256 objects"},
      {all(2, of("metadata", any(100))), all(3, of("metadata", any(100))), "at most 256 objects"},
      {all(2, of("attempts", any(100))), all(3, of("attempts", any(100))), "at most 256 objects"},
      {of("attempts", of("in", list(500, "1"))), of("attempts", of("in", list(501, "1"))),
       "at most 500 items in one list; found 501"},
      {all(2, of("attempts", of("in", list(500, "1")))), all(3, of("attempts", of("in", list(500, "1")))),
       "at most 1000 items in all lists together; found 1500"},
      {"{'lastError': {'contains': '" + std::string(256, 'x') + "'}}",
       "{'lastError': {'contains': '" + std::string(257, 'x') + "'}}", "at most 256 bytes of a pattern"},
      {"{'lastError': {'like': '%%%%____'}}", "{'lastError': {'like': '%%%%_____'}}",
       "at most 8 wildcards of a pattern"},
      {"{'lastError': '" + std::string(4096, 'x') + "'}", "{'lastError': '" + std::string(4097, 'x') + "'}",
       "expected a string of at most 4096 bytes"},
      {"{'metadata': {'path': " + list(5, "'a'") + ", 'eq': 'x'}}", "{'metadata': {'path': " + list(6, "'a'") + "}}",
       "at most 5 names in a path"},
      {nested("parent", 2, "true"), nested("parent", 3, "true"), "at most 2 relations of relations; found 3"},
      {all(64, of("parent", "true")), all(65, of("parent", "true")), "at most 64 conditions"},
  };
  for (const auto& [largest, larger, why] : table) {
    EXPECT_TRUE(read(largest)) << message(largest);
    EXPECT_THAT(message(larger), HasSubstr(why));
  }
  EXPECT_TRUE(read(nested("parent", 3, "true"), limits::admin_hops));
  // Wildcards that are looked for as they are cost nothing.
  EXPECT_TRUE(read("{'lastError': {'contains': '%%%%%%%%%%'}}"));
}

TEST(Refusal, TextThatNoDatabaseCanHoldIsNoOperand) {
  const auto filter = Members{{"lastError", Value{std::string("a\0b", 3)}}};
  const auto condition = read_filter({filter}, {.entity = entity(Listed::cleanup_task)});
  ASSERT_FALSE(condition);
  EXPECT_THAT(condition.error().message, HasSubstr("without the character U+0000, got the string \"a?b\""));
}

TEST(Operand, OfAQueryStringIsReadAsItsFieldWouldBe) {
  const auto& tasks = entity(Listed::cleanup_task);
  const auto datum = [&](std::string_view field, std::string_view text) {
    const auto read = read_operand(text, tasks.fields[place_of(tasks, field)], "parameter");
    return read ? std::get<std::int64_t>(*read) : -1;
  };
  EXPECT_EQ(datum("attempts", "17"), 17);
  EXPECT_EQ(datum("status", "failed"), 3);
  EXPECT_EQ(datum("step", "true"), 1);
  EXPECT_EQ(datum("step", "false"), 0);
  EXPECT_EQ(datum("createdAt", "1970-01-01T00:00:01Z"), 1'000'000);
  for (const auto* text : {"", "-1", "1.0", "99999999999999999999"}) EXPECT_EQ(datum("attempts", text), -1) << text;
  for (const auto* text : {"", "1", "yes"}) EXPECT_EQ(datum("step", text), -1) << text;

  const auto refused = read_operand("gone", tasks.fields[place_of(tasks, "status")], "status");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "status must be one of pending, in_progress, completed, failed; got \"gone\"");
  EXPECT_EQ(refused.error().code, "invalid_parameter");
  const auto map = read_operand("x", tasks.fields[place_of(tasks, "metadata")], "metadata");
  EXPECT_THAT(map.error().message, StartsWith("metadata must be an object with hasKey"));
}

TEST(Operand, OfANumberIsExactOrRefused) {
  const auto& tasks = entity(Listed::cleanup_task);
  const auto& attempts = tasks.fields[place_of(tasks, "attempts")];
  EXPECT_EQ(operand_of({9007199254740992.0}, attempts).datum, Datum(std::int64_t{9007199254740992}));
  EXPECT_FALSE(operand_of({9007199254740994.0}, attempts).datum) << "from here on a double is no certain integer";
  EXPECT_FALSE(operand_of({-0.5}, attempts).datum);
  EXPECT_EQ(operand_of({-3.0}, attempts).datum, Datum(std::int64_t{-3}));
}

TEST(Operators, AreOfferedWhereTheyCanBeUsed) {
  EXPECT_THAT(operators_of(Type::flag), ElementsAre("eq", "ne", "isDistinctFrom", "isNull", "isNotNull"));
  EXPECT_THAT(operators_of(Type::map), ElementsAre("hasKey", "path", "jsonContains"));
  for (const auto type : {Type::id, Type::word, Type::integer, Type::time, Type::text, Type::flag}) {
    for (const auto& name : operators_of(type)) EXPECT_TRUE(operator_named(name, type)) << name;
    EXPECT_FALSE(operator_named("hasKey", type));
  }
  for (const auto* name : {"regex", "iregex", "_regex", "_iregex", "$re", "_similar", "matches"})
    EXPECT_TRUE(unbounded(name)) << name;
  EXPECT_FALSE(unbounded("like"));
}

}  // namespace
}  // namespace mayfly::query
