#include "core/quota.h"

#include <gtest/gtest.h>

#include "core/rate_limit.h"

namespace mayfly {
namespace {

std::string outcome(const Quota& quota, const WorkspaceUsage& used, const WorkspaceUsage& asked) {
  const auto checked = check_quota(quota, used, asked);
  return checked ? "fine" : checked.error().fields.at(0).path;
}

TEST(Quota, IsNoneWhereNoneIsSet) { EXPECT_EQ(outcome({}, {.sandboxes = 1 << 30}, {.sandboxes = 1}), "fine"); }

TEST(Quota, LetsInWhatFitsAndNothingMore) {
  EXPECT_EQ(outcome({.sandboxes = 5}, {.sandboxes = 4}, {.sandboxes = 1}), "fine");
  EXPECT_EQ(outcome({.sandboxes = 5}, {.sandboxes = 5}, {.sandboxes = 1}), "quota.sandboxes");
  EXPECT_EQ(outcome({.cpus = 0.3}, {.cpus = 0.1 + 0.1}, {.cpus = 0.1}), "fine") << "fractions that add up";
  EXPECT_EQ(outcome({.cpus = 0.3}, {.cpus = 0.3}, {.cpus = 0.01}), "quota.cpus");
  EXPECT_EQ(outcome({.memory_mb = 0}, {}, {.memory_mb = 1}), "quota.memory_mb");
  EXPECT_EQ(outcome({.disk_mb = 10}, {.disk_mb = 9}, {.disk_mb = 2}), "quota.disk_mb");
  EXPECT_EQ(outcome({.archive_bytes = 10}, {.archive_bytes = 9}, {.archive_bytes = 2}), "quota.archive_bytes");
}

TEST(Quota, BelowWhatIsInUseBlocksOnlyWhatIsNew) {
  EXPECT_EQ(outcome({.sandboxes = 1, .disk_mb = 1}, {.sandboxes = 9, .disk_mb = 9}, {.cpus = 1}), "fine");
}

TEST(Quota, SaysLimitUsedAndAsked) {
  const auto refused = check_quota({.memory_mb = 100}, {.memory_mb = 80}, {.memory_mb = 30});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::denied);
  EXPECT_EQ(refused.error().reason, "quota_exceeded");
  EXPECT_EQ(refused.error().facts, (std::map<std::string, double>{{"limit", 100}, {"used", 80}, {"asked", 30}}));
}

TEST(RateLimit, GivesABurstAndThenSoManyASecond) {
  const RateLimit limit{2, 3};
  const Time start = service_time(1'000'000'000);
  auto bucket = rate_limit::full(limit, start);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(rate_limit::take(bucket, limit, start)) << i;

  const auto wait = rate_limit::take(bucket, limit, start);
  ASSERT_TRUE(wait);
  EXPECT_EQ(*wait, 500ms);
  EXPECT_FALSE(rate_limit::take(bucket, limit, start + 500ms));
  EXPECT_TRUE(rate_limit::take(bucket, limit, start + 500ms));
  EXPECT_FALSE(rate_limit::is_full(bucket, limit, start + 1s));
  EXPECT_TRUE(rate_limit::is_full(bucket, limit, start + 1h));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(rate_limit::take(bucket, limit, start + 1h)) << i;
  EXPECT_TRUE(rate_limit::take(bucket, limit, start + 1h)) << "no more than the burst, however long the rest";
}

}  // namespace
}  // namespace mayfly
