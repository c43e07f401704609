#include "http/framing.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "http/head.h"

namespace mayfly::http {
namespace {

using State = HeadScanner::State;

TEST(HeadScanner, FindsTheEndByteByByte) {
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  HeadScanner scanner;

  for (std::size_t i = 0; i < head.size(); ++i) EXPECT_EQ(scanner.scan(head.substr(0, i)), State::incomplete) << i;
  EXPECT_EQ(scanner.scan(head + "GET"), State::complete);
  EXPECT_EQ(scanner.size(), head.size());
}

TEST(HeadScanner, RefusesLinesThatEndOrContinueInOddWays) {
  for (const char* bytes : {"GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nA: b\n\r\n", "\n", "A\r\n\n",
                            "A: b\r\n c\r\n\r\n", "A: b\r\n\tc\r\n\r\n"}) {
    EXPECT_EQ(HeadScanner().scan(bytes), State::malformed) << bytes;
  }
}

// What comes out of a body that arrives in pieces of that size, and what is left over.
std::string decoded(BodyDecoder decoder, std::string_view bytes, std::size_t step) {
  std::string body;
  std::size_t at = 0;
  while (at < bytes.size() && !decoder.done() && !decoder.broken()) at += decoder.feed(bytes.substr(at, step), body);
  if (decoder.broken()) return "broken";
  return body + (decoder.done() ? "|" + std::string(bytes.substr(at)) : "...");
}

TEST(BodyDecoder, TakesBodiesOutOfTheirFraming) {
  struct Row {
    const char* bytes;
    const char* expected;
  };
  for (const auto& row : std::vector<Row>{
           {"0\r\n\r\nGET", "|GET"},
           {"5\r\nhello\r\n0\r\n\r\n", "hello|"},
           {"5;a=b\r\nhello\r\n1 ; q=\"x\"\r\n!\r\n000\r\nTrailer: x\r\n\r\nnext", "hello!|next"},
           {"A\r\n0123456789\r\n0\r\n\r\n", "0123456789|"},
           {"5\r\nhel", "hel..."},
           {"5\r\nhello0\r\n\r\n", "broken"},
           {"5\nhello\r\n0\r\n\r\n", "broken"},
           {"-1\r\n", "broken"},
           {"0x5\r\nhello\r\n", "broken"},
           {" 5\r\nhello\r\n", "broken"},
           {"\r\n", "broken"},
           {"ffffffffffffffff\r\n", "broken"},
           {"fffffffffffffffff\r\n", "broken"},
           {"0\r\nTrailer: x\n\r\n", "broken"},
           {"5\r\nhello\n0\r\n\r\n", "broken"},
       }) {
    for (const std::size_t step : {1, 2, 3, 1000}) {
      EXPECT_EQ(decoded(BodyDecoder::chunked(), row.bytes, step), row.expected) << row.bytes << " by " << step;
    }
  }
  EXPECT_EQ(decoded(BodyDecoder::of_length(3), "abcd", 2), "abc|d");
  EXPECT_TRUE(BodyDecoder::of_length(0).done());
}

TEST(BodyDecoder, GivesUpOnEndlessExtensionsSizesAndTrailers) {
  const std::string much(10'000, 'x');

  EXPECT_EQ(decoded(BodyDecoder::chunked(), "5;" + much, 100), "broken");
  EXPECT_EQ(decoded(BodyDecoder::chunked(), std::string(100, '0'), 100), "broken");
  EXPECT_EQ(decoded(BodyDecoder::chunked(), "0\r\nT: " + much, 100), "broken");
}

RC_GTEST_PROP(BodyDecoder, NeedsNoLuckWhateverComes, (const std::string& bytes)) {
  std::string body;
  auto decoder = BodyDecoder::chunked();
  RC_ASSERT(decoder.feed(bytes, body) <= bytes.size());
  RC_ASSERT(body.size() <= bytes.size());
}

std::string refusal_of(const std::string& head) {
  const auto parsed = parse_head(head, "made");
  return parsed ? "fine" : std::to_string(parsed.error().status);
}

TEST(ParseHead, SplitsTheTarget) {
  const auto head = parse_head(
      "GET http://h:80/a%2Fb//c?x=1&y=a%20b+c&&z&x=2 HTTP/1.1\r\nHost: h\r\nX-Request-Id: mine 7\r\n\r\n", "made");

  ASSERT_TRUE(head);
  const auto& request = *head->request;
  EXPECT_EQ(request.id, "mine 7");
  EXPECT_EQ(request.path, "/a%2Fb//c");
  EXPECT_EQ(request.target, "http://h:80/a%2Fb//c?x=1&y=a%20b+c&&z&x=2");
  EXPECT_EQ(*request.query_value("x"), "1");
  EXPECT_EQ(*request.query_value("y"), "a b c");
  EXPECT_EQ(*request.query_value("z"), "");
  EXPECT_EQ(request.query.size(), 4u);
}

TEST(ParseHead, TakesAnEmptyAbsolutePathForTheRoot) {
  EXPECT_EQ(parse_head("GET HTTP://h HTTP/1.1\r\nHost: h\r\n\r\n", "made")->request->path, "/");
  EXPECT_EQ(parse_head("GET http://h?q=1 HTTP/1.1\r\nHost: h\r\n\r\n", "made")->request->path, "/");
}

TEST(ParseHead, MakesAnIdWhereTheClientsIsUnusable) {
  const auto id_of = [](const std::string& given) {
    return parse_head("GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: " + given + "\r\n\r\n", "made")->request->id;
  };
  const auto longest = std::string(128, 'i');

  EXPECT_EQ(id_of(longest), longest);
  for (const auto& given : {std::string(), std::string("a\tb"), std::string("caf\xc3\xa9"), longest + "i"}) {
    EXPECT_EQ(id_of(given), "made") << given;
  }
}

TEST(ParseHead, RefusesWhatTwoServersCouldReadDifferently) {
  struct Row {
    std::string head;
    const char* expected;
  };
  const std::string start = "POST / HTTP/1.1\r\nHost: h\r\n";
  for (const auto& row : std::vector<Row>{
           {start + "Content-Length: 5\r\n\r\n", "fine"},
           {start + "Transfer-Encoding: Chunked\r\n\r\n", "fine"},
           {start + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
           {start + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "400"},
           {start + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "400"},
           {start + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "400"},
           {start + "Content-Length: 5, 5\r\n\r\n", "400"},
           {start + "Content-Length: +5\r\n\r\n", "400"},
           {start + "Content-Length: 0x5\r\n\r\n", "400"},
           {start + "Content-Length: -1\r\n\r\n", "400"},
           {start + "Content-Length:\r\n\r\n", "400"},
           {start + "Content-Length: 99999999999999999999999\r\n\r\n", "400"},
           {start + "Transfer-Encoding: gzip\r\n\r\n", "400"},
           {start + "Transfer-Encoding: gzip, chunked\r\n\r\n", "400"},
           {start + "Transfer-Encoding: chunked, identity\r\n\r\n", "400"},
           {start + "Transfer-Encoding: xchunked\r\n\r\n", "400"},
           {start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
           {start + "Transfer-Encoding : chunked\r\n\r\n", "400"},
           {start + "Bad Name: x\r\n\r\n", "400"},
           {start + "A: b\rc\r\n\r\n", "400"},
           {start + "A: b" + std::string(1, '\0') + "c\r\n\r\n", "400"},
           {start + "A: b\x01\r\n\r\n", "400"},
           {start + ": x\r\n\r\n", "400"},
           {start + "no colon\r\n\r\n", "400"},
           {start + "Host: other\r\n\r\n", "400"},
           {"POST / HTTP/1.1\r\n\r\n", "400"},
           {"POST / HTTP/1.0\r\n\r\n", "fine"},
           {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
           {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "400"},
           {"GET /\r\n\r\n", "400"},
           {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
           {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", "400"},
           {"G ET / HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
           {"GET noslash HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
           {"GET * HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
           {"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
           {"GET ?q HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
           {"GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
           {"GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
           {"GET /?a=%f HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
           {"GET /#f HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
           {"GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", "414"},
       }) {
    EXPECT_EQ(refusal_of(row.head), row.expected) << row.head.substr(0, 100);
  }
}

TEST(RenderHead, LetsNoValueStartAHeaderAndKeepsItsOwn) {
  Response response;
  response.headers = {
      {"X-A", "b\r\nX-Evil: 1"}, {"Content-Length", "7"}, {"date", "never"}, {"X-Request-Id", "theirs"}};

  const auto head = render_head(response, {.length = 3, .close = true}, "id", "today");

  EXPECT_EQ(head, "HTTP/1.1 200 OK\r\nDate: today\r\nX-Request-Id: id\r\nX-A: b  X-Evil: 1\r\nContent-Length: 3\r\n"
                  "Connection: close\r\n\r\n");
}

TEST(HttpDate, IsTheOneOfTheStandard) { EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT"); }

}  // namespace
}  // namespace mayfly::http
