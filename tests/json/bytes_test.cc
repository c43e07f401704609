#include "json/bytes.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "json/reader.h"

namespace mayfly::json {
namespace {

TEST(AsText, KeepsWhatIsUtf8AndReplacesEachByteThatIsNot) {
  const std::pair<std::string, std::string> rows[] = {
      {"", ""},
      {"plain", "plain"},
      {"Größe 砂 😀", "Größe 砂 😀"},
      {"a\xff" "b", "a\xef\xbf\xbd" "b"},
      {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
      {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"\xe7\xa0", "\xef\xbf\xbd\xef\xbf\xbd"},
      {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
  };
  for (const auto& [bytes, text] : rows) EXPECT_EQ(as_text(bytes), text) << bytes;
}

RC_GTEST_PROP(AsText, IsTextOfAnyBytes, (const std::string& bytes)) {
  const auto parsed = parse(boost::json::serialize(boost::json::string_view(as_text(bytes))));
  RC_ASSERT(parsed.has_value());
}

TEST(UnfinishedTail, IsTheBeginningOfACharacterAndNothingElse) {
  const std::pair<std::string, std::size_t> rows[] = {
      {"", 0},     {"a", 0},         {"\xc3", 1},         {"a\xe7\xa0", 2},  {"\xf0\x9f\x98", 3},
      {"\xf0\x9f\x98\x80", 0},
      {"\xc3\xbc", 0}, {"\x80\x80\x80\x80", 0}, {"\xff", 0}, {"\xe7\xa0\x82", 0}, {"\xf0", 1},
  };
  for (const auto& [bytes, tail] : rows) EXPECT_EQ(unfinished_tail(bytes), tail) << base64(bytes);
}

RC_GTEST_PROP(IsText, AgreesWithWhatBecomesOfTheBytes, (const std::string& bytes)) {
  RC_ASSERT(is_text(bytes) == (as_text(bytes) == bytes));
}

RC_GTEST_PROP(Base64, ComesBackAsItWas, (const std::string& bytes)) {
  RC_ASSERT(from_base64(base64(bytes)) == bytes);
}

TEST(Base64, IsRefusedWhereItIsNone) {
  for (const auto* text : {"a", "Zg=", "Zg", "====", "Zh==", "Zg==Zg==", "Z g=", "Zm9v!m9v"})
    EXPECT_FALSE(from_base64(text)) << text;
}

TEST(Base64, IsThatOfTheStandard) {
  const std::pair<const char*, const char*> rows[] = {{"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},  {"foob", "Zm9vYg=="},  {"fooba", "Zm9vYmE="},
                                                      {"\xff\xfe", "//4="}};
  for (const auto& [bytes, text] : rows) EXPECT_EQ(base64(bytes), text);
}

}  // namespace
}  // namespace mayfly::json
