#include "json/reader.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace mayfly::json {
namespace {

// "path: expected / found" of every complaint, a line each.
std::string complaints(Reader& reader) {
  const auto status = reader.finish();
  if (status) return "fine";
  std::string text;
  for (const auto& f : status.error().fields) text += f.path + ": " + f.expected + " / " + f.found + "\n";
  return text.empty() ? status.error().message : text;
}

TEST(Parse, AcceptsStrictJson) {
  for (const char* text :
       {"{}", " [1, -2.5e3, \"\\u00e9\\ud83d\\ude00\", true, false, null, {\"a\": {}}] ", "7", "\"\""}) {
    EXPECT_TRUE(parse(text)) << text;
  }
}

TEST(Parse, SaysWhereItBrokeAndWhatWasExpected) {
  struct Row {
    std::string text;
    const char* message;
  };
  for (const auto& row : std::vector<Row>{
           {"", "at byte 0: expected a value, found the end of the text"},
           {"{", "at byte 1: expected a member's name in quotes or }, found the end of the text"},
           {"{a:1}", "at byte 1: expected a member's name in quotes or }, found 'a'"},
           {"{\"a\" 1}", "at byte 5: expected a colon, found '1'"},
           {"{\"a\":}", "at byte 5: expected a value, found '}'"},
           {"{\"a\":1 \"b\":2}", "at byte 7: expected a comma or }, found '\"'"},
           {"{\"a\":1,}", "at byte 7: expected a member's name in quotes, found '}'"},
           {"[1,]", "at byte 3: expected a value, found ']'"},
           {"[1 2]", "at byte 3: expected a comma or ], found '2'"},
           {"[1", "at byte 2: expected a comma or ], found the end of the text"},
           {"{} x", "at byte 3: expected the end, found 'x'"},
           {"[NaN]", "at byte 1: expected a value or ], found 'N'"},
           {"[Infinity]", "at byte 1: expected a value or ], found 'I'"},
           {"[-Infinity]", nullptr},
           {"[1e400]", nullptr},
           {"[-1e999999999999999]", nullptr},
           {"[01]", nullptr},
           {"[1.]", nullptr},
           {"[+1]", nullptr},
           {"['a']", nullptr},
           {"[1] // comment", nullptr},
           {"[tru]", nullptr},
           {"\"\n\"", nullptr},
           {"\"\\x\"", nullptr},
           {"\"\\ud800\"",
            "at byte 1: the escape \\ud800 is one half of a surrogate pair, without the other half"},
           {"\"\\ud800\\u0041\"",
            "at byte 1: the escape \\ud800 is one half of a surrogate pair, without the other half"},
           {"{\"a\":\"\\ud83d\\ude00 \\uDEAD\"}",
            "at byte 19: the escape \\uDEAD is one half of a surrogate pair, without the other half"},
           {"\"\\\\ud800 \\ud83d\\ud83d\"",
            "at byte 9: the escape \\ud83d is one half of a surrogate pair, without the other half"},
           {"\"\\ud800\\ud\"", "at byte 10: an escape \\u needs four hex digits, found '\"'"},
           {"\"\\u00g0\"", nullptr},
           {"\"\xff\"", "at byte 1: expected UTF-8, found the byte 0xff"},
           {"\"\xc0\x80\"", "at byte 1: expected UTF-8, found the byte 0xc0"},
           {"\"\xed\xa0\x80\"", "at byte 1: expected UTF-8, found the byte 0xed"},
           {"\"\xf4\x90\x80\x80\"", nullptr},
           {std::string("[1]\0", 4), nullptr},
           {"{\"a\":1,\"b\":{\"a\":2},\"a\":3}", nullptr},
           {"{\"a\":1,\"\\u0061\":3}", nullptr},
       }) {
    const auto parsed = parse(row.text);
    ASSERT_FALSE(parsed) << row.text;
    EXPECT_EQ(parsed.error().code, Code::invalid);
    EXPECT_EQ(parsed.error().reason, "json_invalid");
    if (row.message) {
      EXPECT_EQ(parsed.error().message, std::string("the JSON is broken ") + row.message) << row.text;
    }
  }
}

TEST(Parse, NamesADoubledMember) {
  EXPECT_NE(parse("{\"a\":1, \"a\":2}").error().message.find("the member \"a\" is given twice in one object"),
            std::string::npos);
}

TEST(Parse, GoesThirtyTwoLevelsDeep) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };

  EXPECT_TRUE(parse(nested(32)));
  EXPECT_NE(parse(nested(33)).error().message.find("nested deeper than 32 levels"), std::string::npos);
  EXPECT_FALSE(parse(std::string(1'000'000, '[')));
}

RC_GTEST_PROP(Parse, SurvivesAnyBytes, (const std::string& text)) { static_cast<void>(parse(text)); }

RC_GTEST_PROP(Parse, ReadsBackAnyString, (const std::vector<std::string>& words)) {
  object root;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string plain;
    for (const char c : words[i]) plain += static_cast<char>(c & 0x7f);
    root[std::to_string(i)] = plain;
  }
  const auto parsed = parse(boost::json::serialize(root));
  RC_ASSERT(parsed.has_value());
  RC_ASSERT(*parsed == value(root));
}

TEST(Reader, ReadsWhatIsThere) {
  Reader body(R"({"name": "n", "on": true, "count": 3.0, "rate": 2, "word": "stop",
                  "labels": {"a.b": "c"}, "argv": ["x", "y"], "inner": {"deep": 1}, "any": [1], "nil": null})");

  EXPECT_EQ(body.string("name"), "n");
  EXPECT_EQ(body.optional_bool("on"), true);
  EXPECT_EQ(body.integer("count"), 3);
  EXPECT_EQ(body.optional_number("rate"), 2.0);
  EXPECT_EQ(body.optional_word("word", {"stop", "delete"}), "stop");
  EXPECT_EQ(body.optional_string_map("labels", 5)->at("a.b"), "c");
  EXPECT_EQ(*body.optional_string_list("argv", 5), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(body.nested("inner").integer("deep"), 1);
  EXPECT_EQ(body.nested("absent").optional_integer("deep"), std::nullopt);
  EXPECT_TRUE(body.raw("any")->is_array());
  EXPECT_EQ(body.optional_string("nil"), std::nullopt);
  EXPECT_TRUE(body.has("nil"));
  EXPECT_TRUE(body.is_null("nil"));
  EXPECT_FALSE(body.has("absent"));
  EXPECT_EQ(complaints(body), "fine");
}

TEST(Reader, TakesAnEmptyTextForAnEmptyObject) {
  Reader body(" \n");
  EXPECT_EQ(body.optional_string("a"), std::nullopt);
  EXPECT_EQ(complaints(body), "fine");
}

TEST(Reader, CollectsEveryComplaint) {
  Reader body(R"({"name": 3.5, "long": "abcdef", "nul": "a\u0000b", "count": 3.5, "many": 9223372036854775808,
                  "small": 0, "on": "yes", "word": "sleep", "empty": null,
                  "labels": {"ok": "x", "odd.key": 1}, "argv": ["x", null], "inner": [], "named": {"x": [1]},
                  "zzzzz": 1,
                  "lifetime": {"idle_seconds": "ten", "max_seconds": 1e30, "idle_secnds": 1}})");

  body.string("name");
  body.optional_string("long", {.max = 5});
  body.string("nul");
  body.integer("count", {.min = 1, .max = 10});
  body.optional_integer("many");
  body.optional_integer("small", {.min = 1});
  body.optional_bool("on");
  body.optional_word("word", {"stop", "delete"});
  body.string("empty", {.min = 1, .max = 63});
  body.integer("missing");
  body.optional_string_map("labels", 5);
  body.optional_string_list("argv", 5);
  body.nested("inner");
  auto lifetime = body.nested("lifetime");
  lifetime.optional_number("idle_seconds", {.min = 1, .max = 31536000});
  lifetime.optional_integer("max_seconds");
  body.complain("word", "something better", "this");

  EXPECT_EQ(complaints(body),
            "name: a string / number 3.5\n"
            "long: a string of at most 5 bytes / a string of 6 bytes\n"
            "nul: a string without NUL characters / a NUL at byte 1\n"
            "count: an integer from 1 to 10 / number 3.5\n"
            "many: an integer / number 9223372036854775808\n"
            "small: an integer of at least 1 / number 0\n"
            "on: true or false / the string \"yes\"\n"
            "word: one of stop, delete / the string \"sleep\"\n"
            "empty: a string of 1 to 63 bytes / null\n"
            "missing: an integer / nothing\n"
            "labels[\"odd.key\"]: a string / number 1\n"
            "argv[1]: a string / null\n"
            "inner: an object / an array of 0 items\n"
            "lifetime.idle_seconds: a number from 1 to 31536000 / the string \"ten\"\n"
            "lifetime.max_seconds: an integer / number 1e+30\n"
            "word: something better / this\n"
            "named: no such member; did you mean name? / an object of 1 member\n"
            "zzzzz: no such member; known ones: argv, count, empty, inner, labels, lifetime, long, many, missing, "
            "name, nul, on, small, word / number 1\n"
            "lifetime.idle_secnds: no such member; did you mean idle_seconds? / number 1\n");
}

TEST(Reader, SaysInOneSentenceWhatIsWrongFirst) {
  const auto message = [](std::string_view text) {
    Reader body(text);
    body.string("name");
    body.nested("lifetime").optional_number("idle_seconds", {.min = 1});
    return body.finish().error().message;
  };

  EXPECT_EQ(message("{}"), "name is missing: it must be a string");
  EXPECT_EQ(message(R"({"name": 7, "nam": 1, "x": 2})"), "name must be a string, found number 7 (and 2 more problems)");
  EXPECT_EQ(message(R"({"name": "n", "nam": 1})"), "nam: no such member; did you mean name?");
  EXPECT_EQ(message(R"({"name": "n", "lifetime": {"idle_seconds": 0}})"),
            "lifetime.idle_seconds must be a number of at least 1, found number 0");
  EXPECT_EQ(message("[]"), "the body must be a JSON object, found an array of 0 items");
  EXPECT_EQ(message("{"),
            "the JSON is broken at byte 1: expected a member's name in quotes or }, found the end of the text");
}

TEST(Reader, LimitsItsComplaintsAndCountsTheRest) {
  object root;
  for (int i = 0; i < 1000; ++i) root["member" + std::to_string(i)] = i;
  Reader body(std::move(root));

  const auto error = body.finish().error();

  EXPECT_EQ(error.fields.size(), 50u);
  EXPECT_NE(error.message.find("(and 999 more problems)"), std::string::npos);
}

TEST(Reader, OfANestedObjectMayOutliveItsRoot) {
  auto nested = std::make_unique<Reader>(R"({"a": {"b": "c"}})")->nested("a");
  auto copy = nested;

  EXPECT_EQ(copy.string("b"), "c");
  EXPECT_EQ(nested.string("b"), "c");
}

TEST(Reader, RefusesNumbersAboveInt64AndTooManyEntries) {
  Reader body(R"({"a": 9007199254740993.0, "b": -9223372036854775808, "l": ["1", "2"], "m": {"1": "", "2": ""}})");

  EXPECT_EQ(body.optional_integer("a"), std::nullopt);
  EXPECT_EQ(body.optional_integer("b"), std::numeric_limits<std::int64_t>::min());
  body.optional_string_list("l", 1);
  body.optional_string_map("m", 1);

  EXPECT_EQ(complaints(body),
            "a: an integer / number 9007199254740992\n"
            "l: an array of at most 1 string / an array of 2 items\n"
            "m: an object of at most 1 string / an object of 2 members\n");
}

TEST(Describe, CutsLongStringsBetweenCharacters) {
  const std::string front(39, 'a');
  EXPECT_EQ(describe(value(front + "\xc3\xa9 and more")), "the string \"" + front + "\"...");
  EXPECT_EQ(describe(value("line\nbreak")), "the string \"line\\nbreak\"");
}

TEST(Nearest, KnowsANameByItsPart) {
  const std::vector<std::string> known = {"max_age_seconds", "idle_seconds", "extend_seconds", "at"};

  EXPECT_EQ(nearest("max_age", known), "max_age_seconds");
  EXPECT_EQ(nearest("extend", known), "extend_seconds");
  EXPECT_EQ(nearest("seconds", {"extend_seconds", "until"}), "extend_seconds");
  EXPECT_EQ(nearest("the_idle_seconds", known), "idle_seconds");
  EXPECT_EQ(nearest("sec", known), std::nullopt) << "too short to mean one of them";
  EXPECT_EQ(nearest(std::string(1000, 'x') + "idle_seconds", known), std::nullopt);
}

TEST(Nearest, AllowsTwoSlipsAndOneInShortWords) {
  const std::vector<std::string> known = {"name", "labels", "lifetime", "on"};

  EXPECT_EQ(nearest("lifetme", known), "lifetime");
  EXPECT_EQ(nearest("liftme", known), "lifetime");
  EXPECT_EQ(nearest("lftme", known), std::nullopt);
  EXPECT_EQ(nearest("nme", known), "name");
  EXPECT_EQ(nearest("nmae", known), "name") << "a swap is one slip";
  EXPECT_EQ(nearest("ab", known), std::nullopt);
  EXPECT_EQ(nearest(std::string(100'000, 'x'), known), std::nullopt);
}

}  // namespace
}  // namespace mayfly::json
