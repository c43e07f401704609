#include "app/standby.h"

#include <gtest/gtest.h>

#include "app/awake_agent.h"
#include "support/given.h"
#include "support/quiet_agent.h"

namespace mayfly {
namespace {

class StandbyTest : public ::testing::Test {
 protected:
  StandbyTest() { reopen(); }

  void reopen() {
    standby = std::make_unique<Standby>(world.store, world.driver, agent, world->locks, world.clock,
                                        world->installation);
    awake = std::make_unique<AwakeAgent>(agent, *standby, [](std::function<void()> work) { work(); });
    must(standby->learn());
  }

  /// It may sleep after ten seconds.
  Sandbox a_sleepy_sandbox() {
    NewSandbox wish;
    wish.spec.image = "busybox";
    wish.spec.standby_seconds = 10;
    const auto made = must(world->sandboxes.create(world.admin(), wish));
    world.run_workers();
    standby->notice({made.resource.id});
    must(standby->run_once());
    return world.row(made);
  }

  Sandbox a_sleeping_sandbox() {
    const auto sandbox = a_sleepy_sandbox();
    after(10s);
    EXPECT_TRUE(frozen(sandbox));
    return sandbox;
  }

  void after(Duration span) {
    world.let_pass(span);
    must(standby->run_once());
  }

  Incarnation to(const Sandbox& sandbox) { return incarnation_of(sandbox, world->installation); }
  bool frozen(const Sandbox& sandbox) { return world.host.containers.at(to(sandbox)).frozen; }

  World world;
  QuietAgent agent;
  std::unique_ptr<Standby> standby;
  std::unique_ptr<AwakeAgent> awake;
};

TEST_F(StandbyTest, FreezesWhatWasQuietForLongEnoughAndNothingElseSeesIt) {
  const auto sandbox = a_sleepy_sandbox();
  after(9s);
  EXPECT_FALSE(frozen(sandbox));
  after(1s);
  EXPECT_TRUE(frozen(sandbox));
  EXPECT_TRUE(standby->asleep(sandbox.resource.id));
  EXPECT_EQ(world.state_of(sandbox), "running");
}

TEST_F(StandbyTest, OneThatDidNotAskForItStaysAwake) {
  const auto sandbox = world.a_running_sandbox();
  standby->notice({sandbox.resource.id});
  after(24h);
  EXPECT_FALSE(frozen(sandbox));
}

TEST_F(StandbyTest, ACallWakesItAndBeginsTheQuietTimeAnew) {
  const auto sandbox = a_sleeping_sandbox();
  must(awake->status(to(sandbox)));
  EXPECT_FALSE(frozen(sandbox));
  EXPECT_EQ(agent.calls, 1);
  after(9s);
  EXPECT_FALSE(frozen(sandbox));
  after(1s);
  EXPECT_TRUE(frozen(sandbox));
}

TEST_F(StandbyTest, WhatIsUnderWayHoldsItAwake) {
  const auto sandbox = a_sleeping_sandbox();
  int answers = 0;
  awake->run(to(sandbox), {}, 1h, [&](Result<RunResult>) { ++answers; });
  EXPECT_FALSE(frozen(sandbox));
  after(1h);
  EXPECT_FALSE(frozen(sandbox));
  agent.answer_all();
  EXPECT_EQ(answers, 1);
  after(10s);
  EXPECT_TRUE(frozen(sandbox));

  auto file = must(awake->read(to(sandbox), "/a", 0, -1));
  after(1h);
  EXPECT_FALSE(frozen(sandbox)) << "while the file is read";
  file.reset();
  after(10s);
  EXPECT_TRUE(frozen(sandbox));
}

TEST_F(StandbyTest, AProcessThatHoldsItAwakeDoesSo) {
  const auto sandbox = a_sleepy_sandbox();
  agent.holders = 1;
  after(1h);
  EXPECT_FALSE(frozen(sandbox));
  agent.holders = 0;
  after(10s);
  EXPECT_TRUE(frozen(sandbox));
}

TEST_F(StandbyTest, AThawThatFailsIsTheCallsErrorAndTheNextCallTriesAgain) {
  const auto sandbox = a_sleeping_sandbox();
  world.driver.fail_next("thaw", Code::busy);
  EXPECT_EQ(outcome(awake->status(to(sandbox))), "busy");
  EXPECT_EQ(agent.calls, 0);
  must(awake->status(to(sandbox)));
  EXPECT_FALSE(frozen(sandbox));
}

TEST_F(StandbyTest, PausingASleeperKeepsItFrozenForCallsToo) {
  const auto sandbox = a_sleeping_sandbox();
  must(world->sandboxes.pause(world.admin(), sandbox.resource.id.text));
  world.run_workers();
  EXPECT_EQ(world.state_of(sandbox), "paused");
  EXPECT_EQ(outcome(awake->status(to(sandbox))), "conflict state_changed");
  EXPECT_TRUE(frozen(sandbox));

  must(world->sandboxes.resume(world.admin(), sandbox.resource.id.text));
  world.run_workers();
  standby->notice({sandbox.resource.id});
  must(standby->run_once());
  must(awake->status(to(sandbox)));
  EXPECT_FALSE(frozen(sandbox));
}

TEST_F(StandbyTest, DeadlinesAndDeletesOfASleeperAreKept) {
  const auto sandbox = a_sleeping_sandbox();
  world.remove(sandbox);
  world.run_workers();
  EXPECT_EQ(world.state_of(sandbox), "gone");
  standby->notice({sandbox.resource.id});
  after(1h);
  EXPECT_EQ(standby->count_asleep(), 0u);
  EXPECT_TRUE(world.host.containers.empty());
}

TEST_F(StandbyTest, AfterARestartTheKernelSaysWhoSleeps) {
  const auto sleeper = a_sleeping_sandbox();
  const auto other = a_sleepy_sandbox();
  world.restart();
  reopen();
  EXPECT_FALSE(standby->asleep(sleeper.resource.id)) << "nobody has asked yet";
  after(10s);
  EXPECT_TRUE(standby->asleep(sleeper.resource.id));
  EXPECT_TRUE(standby->asleep(other.resource.id));
  world.restart();
  reopen();
  must(awake->status(to(sleeper)));
  EXPECT_FALSE(frozen(sleeper)) << "the first call of a life thaws, whatever was before";
}

TEST_F(StandbyTest, AnAgentThatDoesNotAnswerIsLeftAlone) {
  const auto sandbox = a_sleepy_sandbox();
  agent.broken = true;
  world.let_pass(10s);
  EXPECT_EQ(outcome(standby->run_once()), "timed_out");
  EXPECT_FALSE(frozen(sandbox));
  EXPECT_EQ(agent.asked, 1);
  after(30s);
  EXPECT_EQ(agent.asked, 1) << "not each second";
}

}  // namespace
}  // namespace mayfly
