#include "http/message.h"

#include <thread>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace mayfly::http {
namespace {

TEST(Headers, AreFoundInAnyCase) {
  const Headers headers = {{"Content-Type", "a"}, {"content-type", "b"}};

  EXPECT_EQ(*find(headers, "CONTENT-TYPE"), "a");
  EXPECT_EQ(find(headers, "Content-Typ"), nullptr);
}

TEST(Decode, UndoesEscapesAndRefusesBrokenOnes) {
  EXPECT_EQ(decode("a%2Fb%20c+d"), "a/b c+d");
  EXPECT_EQ(decode("a+b%2B", true), "a b+");
  EXPECT_EQ(decode("%00"), std::string(1, '\0'));
  for (const char* broken : {"%", "%4", "a%", "%zz", "%4g", "%%41"}) EXPECT_EQ(decode(broken), std::nullopt) << broken;
}

RC_GTEST_PROP(Decode, UndoesEncodeForAnyBytes, (const std::string& text)) {
  RC_ASSERT(decode(encode(text)) == text);
  RC_ASSERT(decode(encode(text), true) == text);
}

TEST(Responder, PassesOnlyTheFirstAnswer) {
  std::vector<int> sent;
  Responder respond([&](Response r) { sent.push_back(r.status); });

  auto copy = respond;
  copy({.status = 201});
  respond({.status = 202});

  EXPECT_EQ(sent, std::vector{201});
}

TEST(Responder, AnswersInternalErrorWhenTheLastCopyIsDropped) {
  std::vector<int> sent;
  {
    auto first = std::make_unique<Responder>([&](Response r) { sent.push_back(r.status); });
    auto second = *first;
    first.reset();
    EXPECT_TRUE(sent.empty());
  }

  EXPECT_EQ(sent, std::vector{500});
}

TEST(Responder, PassesOneAnswerWhenManyThreadsRace) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> sent = 0;
    {
      Responder respond([&](Response) { ++sent; });
      std::vector<std::jthread> threads;
      for (int i = 0; i < 8; ++i) threads.emplace_back([respond] { respond(Response()); });
    }
    EXPECT_EQ(sent, 1);
  }
}

}  // namespace
}  // namespace mayfly::http
