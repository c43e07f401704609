// Use that is collected in memory, and the sweep that goes by it.

#include <algorithm>

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

TEST(Activity, IsWrittenOnceForManyUses) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = idle_of(5min)});
  world.clock.advance(1min);
  const int commits = world.commits;

  for (int i = 0; i < 1000; ++i) world->activity.touch(sandbox.resource.id, Activity::file);
  must(world->activity.flush());
  must(world->activity.flush());

  EXPECT_EQ(world.commits, commits + 1) << "and none for what is written already";
  EXPECT_EQ(world.row(sandbox).lifetime.active_by, Activity::file);
  EXPECT_EQ(world.row(sandbox).lifetime.active_at, world.clock.now());
  EXPECT_EQ(world.row(sandbox).lifetime.expires_at, world.clock.now() + 5min);
}

TEST(Activity, IsFromWhenItWasSeenAndNotFromWhenItWasWritten) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = idle_of(5min)});
  world.clock.advance(1s);
  world->activity.touch(sandbox.resource.id, Activity::exec);
  const Time seen = world.clock.now();
  world.clock.advance(3s);

  must(world->activity.flush());

  // Transactions of one instant stand microseconds apart, and the start was one of them.
  EXPECT_LT(world.row(sandbox).lifetime.active_at - seen, 1ms);
}

TEST(Activity, WhatIsUnderWayIsUseForAsLongAsItLasts) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = idle_of(5min)});

  auto held = world->activity.hold(sandbox.resource.id, Activity::exec);
  world.let_pass(3h);
  EXPECT_EQ(world.state_of(sandbox), "running");

  const Time end = world.clock.now();
  held.reset();
  world.let_pass_until(end + 5min - 1us);
  EXPECT_EQ(world.state_of(sandbox), "running") << "the five minutes begin when it ends";
  world.let_pass(1us);
  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Activity, EndsWithTheLastOfThoseThatHold) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = idle_of(5min)});
  auto exec = world->activity.hold(sandbox.resource.id, Activity::exec);
  auto copy = exec;
  auto stream = world->activity.hold(sandbox.resource.id, Activity::connection);

  exec.reset();
  world.let_pass(1h);
  EXPECT_EQ(world.state_of(sandbox), "running");
  copy.reset();
  world.let_pass(1h);
  EXPECT_EQ(world.state_of(sandbox), "running");
  stream.reset();
  world.let_pass(1h);
  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Activity, ThatTheStoreRefusesIsWrittenLater) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = idle_of(5min)});
  world.let_pass(4min);
  world->activity.touch(sandbox.resource.id, Activity::exec);
  world.refuse_commits(1);
  EXPECT_EQ(outcome(world->activity.flush()), "no_space");

  world.let_pass(4min);

  EXPECT_EQ(world.state_of(sandbox), "running");
}

TEST(Activity, OfWhatDoesNotRunCountsForNothing) {
  World world;
  const auto sandbox = world.a_paused_sandbox({.lifetime = idle_of(5min)});
  const auto before = world.row(sandbox).lifetime;
  world.clock.advance(1min);

  world->activity.touch(sandbox.resource.id, Activity::file);
  world->activity.touch({"sbx_" + std::string(32, '9')}, Activity::file);
  must(world->activity.flush());

  EXPECT_EQ(world.row(sandbox).lifetime.active_at, before.active_at);
  EXPECT_EQ(world.row(sandbox).lifetime.expires_at, before.expires_at);
}

StaleRule unused_for(Duration inactive) {
  StaleRule rule;
  rule.inactive = inactive;
  return rule;
}

std::vector<std::string> names_in(const StaleReport& report) {
  std::vector<std::string> names;
  for (const auto& item : report.items)
    if (item.verdict.stale) names.push_back(item.sandbox.resource.name);
  std::sort(names.begin(), names.end());
  return names;
}

TEST(StaleSweep, PlansWhatItWouldTakeAndTakesNothing) {
  World world;
  const auto old = world.a_running_sandbox({.name = "old"});
  world.driver.disk[uid_of(old.resource.id)] = 4711;
  world.a_stopped_sandbox({.name = "old-and-stopped"});
  world.a_sandbox_in(State::gone);
  world.let_pass(2h);
  world.a_running_sandbox({.name = "young"});
  const int commits = world.commits;

  const auto report = must(world->stale.plan(world.admin(), unused_for(1h)));

  EXPECT_EQ(names_in(report), (std::vector<std::string>{"old", "old-and-stopped"}));
  EXPECT_EQ(report.looked_at, 3u);
  EXPECT_FALSE(report.cut);
  EXPECT_EQ(report.items.back().disk_bytes, 4711) << "the newest first";
  EXPECT_EQ(world.commits, commits);
  EXPECT_EQ(world.state_of(old), "running");
}

TEST(StaleSweep, TakesThemOnTheOneDeletionPath) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "old", .files = "my thesis"});
  world.let_pass(2h);

  const auto report = must(world->stale.apply(world.admin(), unused_for(1h), {}));

  ASSERT_EQ(report.items.size(), 1u);
  EXPECT_EQ(world.row(report.items[0].task).metadata.at("reason"), "stale");
  world.run_workers();
  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(world.row(sandbox).ending->actor, "user:admin");
  EXPECT_EQ(world.host.objects.at(world.archives_of(sandbox).at(0).key), "my thesis");
}

TEST(StaleSweep, CountsAUseThatIsOnlyInMemory) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  world.let_pass(2h);
  world->activity.touch(sandbox.resource.id, Activity::exec);

  EXPECT_TRUE(must(world->stale.plan(world.admin(), unused_for(1h))).items.empty());
  EXPECT_TRUE(must(world->stale.apply(world.admin(), unused_for(1h), {})).items.empty());
}

TEST(StaleSweep, LooksAgainInTheTransactionThatTakes) {
  World world;
  const auto first = world.a_running_sandbox({.name = "first"}), second = world.a_running_sandbox({.name = "second"});
  world.let_pass(2h);
  // Both are candidates. While the newer one is being marked, the older one is used.
  bool used = false;
  world.store.on_commit([&](const Wakes&) {
    if (!std::exchange(used, true)) world->activity.touch(first.resource.id, Activity::exec);
  });

  const auto report = must(world->stale.apply(world.admin(), unused_for(1h), {}));

  EXPECT_EQ(world.state_of(second), "deleting");
  EXPECT_EQ(world.state_of(first), "running");
  ASSERT_EQ(report.items.size(), 2u);
  EXPECT_FALSE(report.items[1].task);
  EXPECT_EQ(report.items[1].verdict.reason, "not_stale");
}

TEST(StaleSweep, OneThatCannotBeMarkedIsToldAndTheOthersGo) {
  World world;
  const auto older = world.a_running_sandbox(), newer = world.a_running_sandbox();
  world.let_pass(2h);
  world.refuse_commits(1);

  const auto report = must(world->stale.apply(world.admin(), unused_for(1h), {}));

  EXPECT_EQ(report.items.at(0).error, "this commit was told to be refused");
  EXPECT_EQ(world.state_of(newer), "running");
  EXPECT_EQ(world.state_of(older), "deleting");
}

TEST(StaleSweep, GoesThroughMoreThanOnePage) {
  World world;
  for (int i = 0; i < 450; ++i) world.a_requested_sandbox();
  world.clock.advance(2h);

  const auto report = must(world->stale.plan(world.admin(), unused_for(1h)));

  EXPECT_EQ(report.looked_at, 450u);
  EXPECT_EQ(report.items.size(), 450u);
}

TEST(StaleSweep, StaysInItsWorkspaceAndIsNotForReaders) {
  World world;
  world.a_running_sandbox();
  world.let_pass(2h);
  auto stranger = world.admin();
  stranger.workspace = {"wsp_" + std::string(32, '7')};

  EXPECT_EQ(must(world->stale.plan(stranger, unused_for(1h))).looked_at, 0u);
  EXPECT_EQ(outcome(world->stale.plan(world.caller(Role::reader), unused_for(1h))), "denied role_too_low");
}

}  // namespace
}  // namespace mayfly
