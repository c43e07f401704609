#include "core/runtime.h"

#include <gtest/gtest.h>

namespace mayfly {
namespace {

std::string limit_of(const RuntimeLimits& limits, std::optional<Duration> requested) {
  const auto effective = effective_limit(limits, requested);
  if (!effective) return effective.error().reason;
  return human(effective->limit) + " " + std::string(name(effective->source));
}

TEST(RuntimeLimit, IsTheSmallestThatApplies) {
  const OrganizationLimits none, most{2h, {}}, standard{{}, 10min}, both{2h, 10min};
  const struct {
    std::optional<Duration> platform_default;
    OrganizationLimits organization;
    std::optional<Duration> requested;
    std::string effective;
  } rows[] = {
      {{}, none, {}, human(8h) + " platform_max"},
      {{}, none, 30min, human(30min) + " requested"},
      {{}, none, 8h, human(8h) + " requested"},
      {{}, none, 59s, "limit_invalid"},
      {{}, none, 60s, human(1min) + " requested"},
      {{}, none, 8h + 1s, "limit_invalid"},
      {1h, none, {}, human(1h) + " platform_default"},
      {1h, none, 3h, human(3h) + " requested"},
      {1h, most, {}, human(2h) + " organization_max"},
      {{}, most, 3h, human(2h) + " organization_max"},
      {{}, most, 1h, human(1h) + " requested"},
      {{}, standard, {}, human(10min) + " organization_default"},
      {{}, standard, 1h, human(1h) + " requested"},
      {{}, both, {}, human(10min) + " organization_default"},
      {{}, both, 3h, human(2h) + " organization_max"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(limit_of({8h, row.platform_default, row.organization}, row.requested), row.effective);
}

TEST(RuntimeState, FollowsFromTheSandbox) {
  EXPECT_EQ(runtime_state(State::requested), RuntimeState::idle) << "it is not there yet";
  EXPECT_EQ(runtime_state(State::running), RuntimeState::running);
  EXPECT_EQ(runtime_state(State::resuming), RuntimeState::paused);
  EXPECT_EQ(runtime_state(State::stopping), RuntimeState::stopped);
  EXPECT_EQ(runtime_state(State::gone), RuntimeState::idle);
  std::size_t all = 0;
  for (const auto state : {RuntimeState::idle, RuntimeState::running, RuntimeState::paused, RuntimeState::stopped}) {
    EXPECT_EQ(parse_runtime_state(name(state)), state);
    all += sandbox_states(state).size();
  }
  EXPECT_EQ(all, 11u) << "each state of a sandbox once";
}

TEST(RuntimeKey, HasNotTheFormOfAnId) {
  for (const auto* fine : {"a", "Build-1.x_y", "0"}) EXPECT_TRUE(check_runtime_key(fine)) << fine;
  for (const auto* bad : {"", "-a", "a b", "a/b", "2489E9AD-2EE2-8E00-8EC9-32D5F69181C0",
                          "2489e9ad2ee28e008ec932d5f69181c0", "ä"})
    EXPECT_FALSE(check_runtime_key(bad)) << bad;
}

Moment moment(std::int64_t seconds) { return {service_time(seconds * 1'000'000), wall_time(seconds * 1'000'000)}; }

TEST(Warnings, ComeOnceEachBeforeTheEnd) {
  LifetimePolicy policy;
  policy.max_age = 600s;
  policy.warn = {300s, 60s};
  const ResourceId id{"sbx_00000000000000000000000000000001"};
  auto life = lifetime::begin(id, State::running, policy, moment(0));
  std::string story;
  for (std::int64_t now = 0; now <= 600; ++now) {
    if (lifetime::expired(life, moment(now), {})) story += "end " + std::to_string(now);
    if (*life.wake_at > moment(now).now) continue;
    if (const auto lead = lifetime::warning(life, moment(now), {}))
      story += human(*lead) + " at " + std::to_string(now) + ", ";
    life.wake_at.reset();
    lifetime::settle(life, moment(now), {});
  }
  EXPECT_EQ(story, human(300s) + " at 300, " + human(60s) + " at 540, end 600");
}

TEST(Warnings, AreNotGivenOfAnEndThatHasMoved) {
  LifetimePolicy policy;
  policy.max_age = 600s;
  policy.warn = {60s};
  auto life = lifetime::begin({"sbx_00000000000000000000000000000001"}, State::running, policy, moment(0));
  ASSERT_EQ(*life.wake_at, moment(540).now);
  ASSERT_TRUE(lifetime::extend(life, {.by = 100s, .until = {}}, moment(10), {}));
  EXPECT_EQ(*life.wake_at, moment(540).now) << "no extension moves it";
  EXPECT_FALSE(lifetime::warning(life, moment(540), {}));
  life.wake_at.reset();
  lifetime::settle(life, moment(540), {});
  EXPECT_EQ(*life.wake_at, moment(640).now);
  EXPECT_TRUE(lifetime::warning(life, moment(640), {}));
}

TEST(Warnings, LeaveOutWhatIsPastAlready) {
  LifetimePolicy policy;
  policy.max_age = 90s;
  policy.warn = {300s, 60s};
  const auto life = lifetime::begin({"sbx_00000000000000000000000000000001"}, State::running, policy, moment(0));
  EXPECT_EQ(*life.wake_at, moment(30).now);
}

}  // namespace
}  // namespace mayfly
