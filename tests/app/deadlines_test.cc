#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

LifetimePolicy until(WallTime at) {
  LifetimePolicy policy;
  policy.at = at;
  return policy;
}

/// An extension that must succeed; gives the new deadline.
Time extend(World& world, const Sandbox& sandbox, Duration by) {
  std::optional<Time> expires;
  world->sandboxes.extend(world.admin(), sandbox.resource.id.text, {.by = by, .until = {}},
                          [&](Result<lifetime::Extended> extended) { expires = must(std::move(extended)).expires_at; });
  return expires.value();
}

TEST(Deadlines, FireAtTheInstantAndNotAMicrosecondBefore) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = age_of(10min)});
  const Time deadline = *sandbox.lifetime.expires_at;

  world.let_pass_until(deadline - 1us);
  EXPECT_EQ(world.state_of(sandbox), "running");

  world.let_pass(1us);
  EXPECT_EQ(world.state_of(sandbox), "gone");
  const auto ending = *world.row(sandbox).ending;
  EXPECT_EQ(ending.reason, "max_age");
  EXPECT_EQ(ending.actor, "system:deadline");
  EXPECT_GE(ending.at, deadline);
  EXPECT_LT(ending.at, deadline + 1ms);
  EXPECT_EQ(world.last_event(sandbox.resource.id, "sandbox.expired").data.at("due"), format(deadline));
  EXPECT_EQ(world->deadlines.lateness().fired, 1u);
}

TEST(Deadlines, OfWhatIsArchivedByDefault) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = age_of(10min), .files = "my thesis"});

  world.let_pass(11min);

  EXPECT_EQ(world.host.objects.at(world.archives_of(sandbox).at(0).key), "my thesis");
}

TEST(Deadlines, TellWhenToComeAgainAndNeverTooLate) {
  World world;
  EXPECT_EQ(must(world->deadlines.run_once()), Time::max() - 1s) << "there is nothing";
  const auto sandbox = world.a_running_sandbox({.lifetime = age_of(10min)});

  const auto next = must(world->deadlines.run_once());

  ASSERT_TRUE(next);
  EXPECT_LE(*next, *sandbox.lifetime.expires_at);
  EXPECT_GT(*next, world.clock.now() + 9min) << "and not all the time";
}

TEST(Deadlines, ThatBecomeDueSoonerAreNoticedFromTheirCommit) {
  World world;
  world.a_running_sandbox({.lifetime = age_of(10min)});
  const auto next = *must(world->deadlines.run_once());

  EXPECT_FALSE(world->deadlines.notice(next + 1h)) << "nobody is woken for what lies beyond";
  EXPECT_TRUE(world->deadlines.notice(world.clock.now() + 30s));

  const auto sooner = world.a_running_sandbox({.lifetime = age_of(30s)});
  EXPECT_EQ(must(world->deadlines.run_once()), *sooner.lifetime.expires_at - 1s);
}

TEST(Deadlines, AnExtensionInBetweenMovesTheWakeUpAndFiresLater) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = age_of(10min)});
  const Time first = *sandbox.lifetime.expires_at;
  world.let_pass(9min);
  const Time extended = extend(world, sandbox, 5min);
  EXPECT_EQ(extended, first + 5min);
  EXPECT_EQ(world.row(sandbox).lifetime.wake_at, first) << "no extension touches the index";

  world.let_pass_until(first + 1s);
  EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_EQ(world.row(sandbox).lifetime.wake_at, extended);

  world.let_pass_until(extended - 1us);
  EXPECT_EQ(world.state_of(sandbox), "running");
  world.let_pass(1us);
  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Deadlines, AnExtensionOfTheLastMicrosecondWins) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = age_of(10min)});
  // The loop has it in its heap already when the client calls.
  world.let_pass_until(*sandbox.lifetime.expires_at - 1ms);

  extend(world, sandbox, 1h);
  world.let_pass(30min);

  EXPECT_EQ(world.state_of(sandbox), "running");
}

TEST(Deadlines, ComeTooLateForAnExtensionOnceTheyHavePassed) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = age_of(10min)});
  world.clock.advance(10min + 1s);  // the loop is late; the promise is over all the same

  std::string answer;
  world->sandboxes.extend(world.admin(), sandbox.resource.id.text, {.by = 1h, .until = {}},
                          [&](Result<lifetime::Extended> extended) { answer = outcome(extended); });

  EXPECT_EQ(answer, "conflict expired");
  EXPECT_EQ(outcome(world->sandboxes.set_lifetime(world.admin(), sandbox.resource.id.text, [](LifetimePolicy&) {})),
            "conflict expired");
}

TEST(Deadlines, DoWhatTheirActionSays) {
  World world;
  const auto paused = world.a_running_sandbox({.lifetime = with_action(age_of(1min), ExpiryAction::pause)});
  const auto stopped = world.a_running_sandbox({.lifetime = with_action(idle_of(1min), ExpiryAction::stop)});
  const auto gone = world.a_running_sandbox({.lifetime = idle_of(1min)});

  world.let_pass(2min);

  EXPECT_EQ(world.state_of(paused), "paused");
  EXPECT_EQ(world.row(paused).ending->reason, "max_age");
  EXPECT_EQ(world.state_of(stopped), "stopped");
  EXPECT_EQ(world.row(stopped).ending->reason, "idle");
  EXPECT_EQ(world.state_of(gone), "gone");
}

TEST(Deadlines, NothingHaltedLivesForEver) {
  // Whatever halted it, and whatever its instant wanted: after its retention it is archived and deleted.
  for (const auto action : {ExpiryAction::pause, ExpiryAction::stop}) {
    World world;
    const auto by_age = world.a_running_sandbox({.lifetime = with_action(age_of(1h), action)});
    const auto by_instant = world.a_running_sandbox({.lifetime = with_action(until(world.clock.wall() + 1h), action)});
    const auto by_hand = world.a_paused_sandbox({.lifetime = with_action(until(world.clock.wall() + 1h), action)});

    world.let_pass(halted_retention - 1h);
    for (const auto& sandbox : {by_age, by_instant, by_hand})
      EXPECT_NE(world.state_of(sandbox), "gone") << name(action);

    world.let_pass(3h);
    for (const auto& sandbox : {by_age, by_instant, by_hand}) {
      EXPECT_EQ(world.state_of(sandbox), "gone") << name(action);
      EXPECT_EQ(world.row(sandbox).ending->reason, "retention") << name(action);
      EXPECT_EQ(world.archives_of(sandbox).at(0).resource.state, State::active);
    }
  }
}

TEST(Deadlines, WhatRanOutIsStartedAgainForAWholeSpan) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = with_action(age_of(1h), ExpiryAction::stop)});
  world.let_pass(5h);
  ASSERT_EQ(world.state_of(sandbox), "stopped");

  must(world->sandboxes.start(world.admin(), sandbox.resource.id.text));
  world.let_pass(59min);
  EXPECT_EQ(world.state_of(sandbox), "running");

  world.let_pass(2min);
  EXPECT_EQ(world.state_of(sandbox), "stopped");
}

TEST(Deadlines, APauseThatFindsItStartingComesAgain) {
  World world;
  world.driver.fail_next("start", Code::busy, 4);
  const auto sandbox =
      world.a_requested_sandbox({.lifetime = with_action(age_of(1ms), ExpiryAction::pause)});
  world.let_pass(20ms);
  ASSERT_EQ(world.state_of(sandbox), "starting");

  world.let_pass(5s);

  EXPECT_EQ(world.state_of(sandbox), "paused");
}

TEST(Deadlines, EndAnArchiveAfterItsRetention) {
  World world;
  const auto archive = world.an_archive("x", 48h);

  world.let_pass_until(*archive.lifetime.expires_at - 1us);
  EXPECT_EQ(world.row(archive).resource.state, State::active);

  world.let_pass(1s);
  EXPECT_EQ(world.row(archive).resource.state, State::gone);
  EXPECT_TRUE(world.host.objects.empty());
  EXPECT_EQ(world.last_event(archive.resource.id, "archive.delete_accepted").data.at("reason"), "retention");
}

/// One whose clock stands weeks ahead after a reboot, and things that would all be over two hours from now.
struct Unbelieved {
  Unbelieved() {
    world.let_pass(1min);
    world.clock.step_wall_clock(30 * 24h);
    world.restart(0s, /*clock_believed=*/false);
  }
  void start_with_a_right_clock() {
    world.clock.step_wall_clock(-30 * 24h);
    world.restart(10s);
  }

  World world;
  Sandbox aged = world.a_running_sandbox({.name = "build", .lifetime = age_of(10min)});
  Sandbox kept = world.a_running_sandbox({.lifetime = age_of(10min)});
  Sandbox by_instant = world.a_running_sandbox({.lifetime = until(world.clock.wall() + 1h)});
  Archive archive = world.an_archive("x", 90min);
};

TEST(Deadlines, NoneFiresWhileTheClockCannotBeBelieved) {
  Unbelieved given;
  auto& world = given.world;
  const int commits = world.commits;

  world.let_pass(2h);

  EXPECT_FALSE(must(world->deadlines.run_once())) << "nobody needs to come again";
  for (const auto& sandbox : {given.aged, given.kept, given.by_instant}) EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_EQ(world.row(given.archive).resource.state, State::active);
  EXPECT_EQ(world.commits, commits);
}

TEST(Deadlines, WhileTheClockCannotBeBelievedNobodyLosesANameAndEverybodyCanKeep) {
  Unbelieved given;
  auto& world = given.world;
  world.let_pass(2h);
  NewSandbox twin;
  twin.name = "build";
  twin.spec.image = "busybox";

  EXPECT_EQ(outcome(world->sandboxes.create(world.admin(), twin)), "conflict name_taken");
  const Time promised = extend(world, given.kept, 1h);

  EXPECT_GE(promised, world.clock.now() + 1h);
  EXPECT_LT(promised, world.clock.now() + 1h + 1s) << "a promise in hours, not in what the clock has jumped";
  EXPECT_EQ(outcome(world->sandboxes.set_lifetime(world.admin(), "build", [](LifetimePolicy&) {})), "fine");
}

TEST(Deadlines, GoOnAfterAStartWithARightClock) {
  Unbelieved given;
  auto& world = given.world;
  world.let_pass(2h);
  const Time promised = extend(world, given.kept, 1h);

  given.start_with_a_right_clock();

  world.let_pass(59s);
  EXPECT_EQ(world.state_of(given.aged), "running") << "the downtime has only ended now, and leaves its minute";
  EXPECT_EQ(world.state_of(given.by_instant), "gone") << "an instant is what somebody named";
  world.let_pass(2s);
  EXPECT_EQ(world.state_of(given.aged), "gone");
  EXPECT_EQ(world.row(given.archive).resource.state, State::gone);
  world.let_pass_until(promised - 1s);
  EXPECT_EQ(world.state_of(given.kept), "running");
  world.let_pass(2s);
  EXPECT_EQ(world.state_of(given.kept), "gone");
}

TEST(Deadlines, StayHeldAsLongAsEachStartFindsAClockThatCannotBeBelieved) {
  Unbelieved given;
  auto& world = given.world;
  world.let_pass(1h);
  world.restart(10s, /*clock_believed=*/false);
  world.let_pass(1h);
  EXPECT_EQ(world.state_of(given.aged), "running");

  given.start_with_a_right_clock();

  world.let_pass(59s);
  EXPECT_EQ(world.state_of(given.aged), "running");
  world.let_pass(2s);
  EXPECT_EQ(world.state_of(given.aged), "gone");
}

TEST(Deadlines, AnInstantFollowsTheWallClockAsItIsSet) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = until(world.clock.wall() + 2h)});
  const auto relative = world.a_running_sandbox({.lifetime = age_of(2h)});
  world.let_pass(1min);

  world.clock.step_wall_clock(-1h);
  world.let_pass(2h);
  EXPECT_EQ(world.state_of(sandbox), "running") << "by the wall clock it is an hour to go";
  EXPECT_EQ(world.state_of(relative), "gone") << "an age knows no wall clock";

  world.clock.step_wall_clock(58min + 58s);
  world.let_pass(0s);
  EXPECT_EQ(world.state_of(sandbox), "running");
  world.clock.step_wall_clock(2s);
  world.let_pass(1s);
  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(world.row(sandbox).ending->reason, "at");
}

TEST(Deadlines, ManyInstantsFollowTheWallClockTogether) {
  World world;
  std::vector<Sandbox> sandboxes;
  for (int i = 0; i < 250; ++i)
    sandboxes.push_back(world.a_requested_sandbox({.lifetime = until(world.clock.wall() + 24h)}));
  world.let_pass(1s);

  world.clock.step_wall_clock(24h);
  world.let_pass(1s);

  for (const auto& sandbox : sandboxes) EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Deadlines, AnIdleOneWhoseUseIsOnlyInMemoryIsSaved) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = idle_of(5min)});
  world.let_pass_until(*sandbox.lifetime.expires_at - 1s);

  world->activity.touch(sandbox.resource.id, Activity::exec);  // nobody has written that down yet
  world.let_pass(2s);

  EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_EQ(world.row(sandbox).lifetime.active_by, Activity::exec);
  world.let_pass(5min);
  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Deadlines, ThatFellIntoADowntimeLeaveAMinuteToRenew) {
  World world;
  const auto renewed = world.a_running_sandbox({.lifetime = age_of(10min)});
  const auto forgotten = world.a_running_sandbox({.lifetime = age_of(10min)});
  const auto later = world.a_running_sandbox({.lifetime = age_of(30min + 20s)});
  world.let_pass(1min);

  world.restart(29min);
  world.let_pass(30s);
  EXPECT_EQ(world.state_of(forgotten), "running");
  EXPECT_EQ(world.state_of(later), "gone") << "it fell due after the server was back";
  extend(world, renewed, 1h);

  world.let_pass(29s);
  EXPECT_EQ(world.state_of(forgotten), "running");
  world.let_pass(2s);
  EXPECT_EQ(world.state_of(forgotten), "gone");
  EXPECT_EQ(world.state_of(renewed), "running");
}

TEST(Deadlines, ARestartWithinTheGraceTakesNothingOfItBackAndRenewsNothing) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = age_of(10min)});
  world.restart(20min);
  world.let_pass(30s);

  world.restart(5min);
  world.let_pass(29s);
  EXPECT_EQ(world.state_of(sandbox), "running") << "30 seconds of its minute were left";

  world.let_pass(2s);
  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Deadlines, AServerThatCrashesAgainAndAgainEndsThemAfterAMinuteOfService) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = age_of(10min)});
  world.let_pass(1min);
  world.restart(20min);
  for (int life = 0; life < 2; ++life) {
    world.let_pass(20s);
    world.restart(30s);
  }
  world.let_pass(19s);
  EXPECT_EQ(world.state_of(sandbox), "running");

  world.let_pass(2s);

  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Deadlines, AGraceIsAnEvent) {
  World world;
  world.a_running_sandbox({.lifetime = age_of(10min)});
  world.a_running_sandbox({.lifetime = idle_of(15min)});
  world.a_running_sandbox({.lifetime = age_of(24h)});
  world.a_paused_sandbox({.lifetime = age_of(10min)});
  const auto workspace = world->installation.workspace;
  world.restart(1min);
  EXPECT_EQ(world.story_of(workspace).find("downtime.grace_granted"), std::string::npos) << "nothing fell due";

  world.restart(1h);

  const auto granted = world.last_event(workspace, "downtime.grace_granted");
  EXPECT_EQ(granted.actor, "system:start");
  EXPECT_EQ(granted.data.at("deadlines"), "2");
  EXPECT_EQ(granted.data.at("until"), format(world->installation.down.until + lifetime::downtime_grace));
}

TEST(Deadlines, AFiringThatTheStoreRefusesIsNotForgotten) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = age_of(10min)});
  world.let_pass_until(*sandbox.lifetime.expires_at - 1ms);
  world.clock.advance(2ms);
  world.refuse_commits(2);
  EXPECT_EQ(outcome(world->deadlines.run_once()), "no_space");
  ASSERT_EQ(world.state_of(sandbox), "running");

  world.let_pass(1s);

  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Deadlines, ARowThatCannotBeDecidedDoesNotHoldUpThoseAfterIt) {
  World world;
  const auto broken = world.a_running_sandbox({.lifetime = age_of(10min)});
  const auto sound = world.a_running_sandbox({.lifetime = age_of(10min + 1ms)});
  auto rows = world.store.snapshot();
  rows.sandboxes.erase(broken.resource.id);
  world.store.restore(rows);
  world.clock.advance(11min);

  EXPECT_EQ(outcome(world->deadlines.run_once()), "not_found") << "and it is told";

  EXPECT_EQ(world.state_of(sound), "deleting");
}

TEST(Deadlines, AStepOfTheWallClockThatCouldNotBeWrittenIsFollowedLater) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = until(world.clock.wall() + 24h)});
  world.let_pass(1s);
  world.clock.step_wall_clock(25h);
  world.refuse_commits(1);
  EXPECT_EQ(outcome(world->deadlines.run_once()), "no_space");

  world.let_pass(2s);

  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Deadlines, MoreThanABatchFireTogether) {
  World world;
  std::vector<Sandbox> sandboxes;
  for (int i = 0; i < 250; ++i) sandboxes.push_back(world.a_requested_sandbox({.lifetime = age_of(1min)}));

  world.let_pass(1min + 1s);

  for (const auto& sandbox : sandboxes) EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(world->deadlines.lateness().fired, 250u);
}

}  // namespace
}  // namespace mayfly
