#include "app/rate_limits.h"

#include <gtest/gtest.h>

namespace mayfly {
namespace {

const Time start = service_time(1'000'000'000);

TEST(RateLimits, AreOffUnlessSomebodySaysOtherwise) {
  RateLimits limits;
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(limits.take({"key_1"}, {}, start));
  EXPECT_EQ(limits.refused, 0u);
}

TEST(RateLimits, HoldForEachKeyByItself) {
  RateLimits limits;
  limits.standard = {1, 2};
  EXPECT_TRUE(limits.take({"key_1"}, {}, start));
  EXPECT_TRUE(limits.take({"key_1"}, {}, start));

  const auto refused = limits.take({"key_1"}, {}, start);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::exhausted);
  EXPECT_EQ(refused.error().reason, "rate_limited");
  EXPECT_EQ(refused.error().facts.at("retry_after_seconds"), 1);
  EXPECT_EQ(limits.refused, 1u);
  EXPECT_TRUE(limits.take({"key_2"}, {}, start)) << "others go on";
  EXPECT_TRUE(limits.take({"key_1"}, {}, start + 1s)) << "and so does it, after as long as it was told";
}

TEST(RateLimits, OfAKeyStandAboveThatOfTheInstallation) {
  RateLimits limits;
  limits.standard = {1, 1};
  const RateLimit wide{1000, 50}, none{0, 1};
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(limits.take({"key_1"}, wide, start)) << i;
  EXPECT_FALSE(limits.take({"key_1"}, wide, start));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(limits.take({"key_2"}, none, start)) << i;
  EXPECT_TRUE(limits.take({"key_1"}, RateLimit{5, 5}, start)) << "a changed limit begins anew";
}

TEST(RateLimits, AreRememberedForABoundedNumberOfKeys) {
  RateLimits limits;
  limits.standard = {1, 1};
  for (int i = 0; i < 25'000; ++i) ASSERT_TRUE(limits.take({"key_" + std::to_string(i)}, {}, start));
  EXPECT_LE(limits.size(), 10'000u);
}

}  // namespace
}  // namespace mayfly
