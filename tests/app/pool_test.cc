#include "app/pool.h"

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

class PoolTest : public ::testing::Test {
 protected:
  PoolTest() { reopen({{"busybox", 2}}); }

  void reopen(Pool::Sizes sizes) {
    pool = std::make_unique<Pool>(world.store, world.driver, world->deletion, world->locks, world.chance,
                                  world->installation, std::move(sizes));
    world->sandboxes.claim_from(*pool);
  }

  /// Until nothing changes any more.
  void fill() {
    for (int i = 0; i < 10; ++i) {
      must(pool->run_once());
      world.run_workers();
    }
  }

  std::vector<Sandbox> standing() {
    return must(world.store.read([](Transaction& t) { return t.sandboxes().list({}, {}); }));
  }

  Result<Sandbox> create(NewSandbox wish = {}) {
    wish.spec.image = "busybox";
    return world->sandboxes.create(world.admin(), wish);
  }

  World world;
  std::unique_ptr<Pool> pool;
};

TEST_F(PoolTest, KeepsAsManyStartedAsWantedOneAfterTheOther) {
  must(pool->run_once());
  must(pool->run_once());
  EXPECT_EQ(standing().size(), 1u) << "the second only when the first has started";
  fill();
  ASSERT_EQ(standing().size(), 2u);
  for (const auto& row : standing()) EXPECT_EQ(row.resource.state, State::running);
}

TEST_F(PoolTest, AClaimIsRunningAtOnceUnderItsOwnNameLimitsAndClocks) {
  fill();
  world.let_pass(1h);
  NewSandbox wish;
  wish.name = "build";
  wish.spec.resources.memory_mb = 64;
  wish.lifetime = age_of(60s);
  wish.labels = {{"team", "a"}};

  const auto sandbox = must(create(wish));

  EXPECT_EQ(sandbox.resource.state, State::running);
  EXPECT_EQ(sandbox.resource.name, "build");
  EXPECT_EQ(sandbox.resource.workspace, world.admin().workspace);
  EXPECT_EQ(sandbox.resource.labels, wish.labels);
  EXPECT_EQ(sandbox.lifetime.expires_at, sandbox.resource.created_at + 60s) << "its clocks began with the claim";
  const auto incarnation = incarnation_of(sandbox, world->installation);
  EXPECT_EQ(world.host.containers.at(incarnation).limits, wish.spec.resources);
  EXPECT_EQ(must(world->sandboxes.get(world.admin(), "build")).resource.id, sandbox.resource.id);
  EXPECT_EQ(world.last_event(sandbox.resource.id, "sandbox.created").data.at("from"), "pool");
  EXPECT_EQ(standing().size(), 1u);
  fill();
  EXPECT_EQ(standing().size(), 2u);
}

TEST_F(PoolTest, NobodySeesOrCountsWhatStandsReady) {
  fill();
  const auto id = standing().front().resource.id;
  EXPECT_TRUE(must(world->sandboxes.list(world.admin(), {}, {})).empty());
  EXPECT_EQ(outcome(world->sandboxes.get(world.admin(), id.text)), "not_found sandbox_not_found");
  EXPECT_EQ(outcome(world->sandboxes.remove(world.admin(), id.text, {})), "not_found sandbox_not_found");
  EXPECT_TRUE(must(world.store.read([](Transaction& t) { return t.sandboxes().count_by_state(); })).empty());
}

TEST_F(PoolTest, WhatACreateCannotTakeFromItIsStartedCold) {
  fill();
  NewSandbox wish;
  wish.spec.network = NetworkAccess::outbound;
  EXPECT_EQ(must(create(wish)).resource.state, State::requested);
  EXPECT_EQ(standing().size(), 2u);
}

TEST_F(PoolTest, AnEmptyOneAndOneWhoseLimitsFailAreNoErrors) {
  EXPECT_EQ(must(create()).resource.state, State::requested);
  fill();
  world.driver.fail_next("limit", Code::not_found);
  NewSandbox wish;
  wish.spec.resources.memory_mb = 64;
  EXPECT_EQ(must(create(wish)).resource.state, State::requested);
}

TEST_F(PoolTest, LimitsAreSetBeforeAnybodyWaitsUnlessOthersAreWished) {
  fill();
  world.driver.fail_next("limit", Code::unavailable);
  EXPECT_EQ(must(create()).resource.state, State::running) << "nothing was left to set";
  NewSandbox wish;
  wish.spec.resources.memory_mb = 64;
  EXPECT_EQ(must(create(wish)).resource.state, State::requested) << "the failure was still to come";
}

TEST_F(PoolTest, OneThatIsGivenBackWithOtherLimitsGetsItsOwnAgain) {
  fill();
  NewSandbox wish;
  wish.spec.resources.memory_mb = 64;
  world.refuse_commits(1);
  EXPECT_EQ(outcome(create(wish)), "no_space");
  must(pool->run_once());
  for (int i = 0; i < 2; ++i) {
    const auto claimed = must(create());
    EXPECT_EQ(world.host.containers.at(incarnation_of(claimed, world->installation)).limits, Resources());
  }
}

TEST_F(PoolTest, ARefusedClaimGivesTheSandboxBack) {
  fill();
  NewSandbox wish;
  wish.name = "taken";
  must(create(wish));
  fill();
  EXPECT_EQ(outcome(create(wish)), "conflict name_taken");
  fill();
  EXPECT_EQ(standing().size(), 2u);
  world.refuse_commits(1);
  EXPECT_EQ(outcome(create()), "no_space");
  must(pool->run_once());
  EXPECT_EQ(must(create()).resource.state, State::running);
}

TEST_F(PoolTest, OneThatEndedByItselfIsReplaced) {
  fill();
  const auto lost = standing().front();
  world.host.containers.at(incarnation_of(lost, world->installation)).running = false;
  must(world->reconciler.run_once());
  fill();
  ASSERT_EQ(standing().size(), 2u);
  for (const auto& row : standing()) EXPECT_NE(row.resource.id, lost.resource.id);
  EXPECT_EQ(world.state_of(lost), "gone");
  EXPECT_TRUE(world.archives_of(lost).empty()) << "nobody ever had it";
}

TEST_F(PoolTest, OneThatCannotStartIsTriedAgainAfterAWhile) {
  world.driver.fail_next("start", Code::invalid, 1);
  must(pool->run_once());
  world.run_workers();
  must(pool->run_once());
  world.run_workers();
  EXPECT_TRUE(standing().empty());
  fill();
  EXPECT_TRUE(standing().empty()) << "not at once";
  world.let_pass(31s);
  fill();
  EXPECT_EQ(standing().size(), 2u);
}

TEST_F(PoolTest, ASmallerOneDeletesTheRest) {
  fill();
  reopen({});
  fill();
  EXPECT_TRUE(standing().empty());
  EXPECT_TRUE(world.host.containers.empty());
  EXPECT_TRUE(world.host.layers.empty() && world.host.trash.empty());
}

TEST_F(PoolTest, ARestartLosesAndDoublesNone) {
  for (int round = 0; round < 20; ++round) {
    must(pool->run_once());
    if (round % 3 == 0) world.run_fast();
    if (round % 2 == 0) {
      world.restart();
      reopen({{"busybox", 2}});
    }
  }
  fill();
  EXPECT_EQ(standing().size(), 2u);
  EXPECT_EQ(world.host.containers.size(), 2u);
}

}  // namespace
}  // namespace mayfly
