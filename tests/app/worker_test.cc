#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

constexpr DeletePolicy without_archive{.archive = false};

TEST(Worker, TriesAStepAgainAfterTheDriverFailed) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox, without_archive);
  world.driver.fail_next("kill", Code::unavailable, 2);

  world.run_fast();
  const auto first = world.step(root, Verb::stop_sandbox);
  EXPECT_EQ(first.phase, Phase::backing_off);
  EXPECT_EQ(first.work.attempts, 1);
  EXPECT_EQ(first.work.last_error, "kill was told to answer unavailable");
  world.run_fast();
  EXPECT_EQ(world.step(root, Verb::stop_sandbox).work.attempts, 1) << "not before its time";

  world.let_pass_until(*first.work.next_attempt_at);
  const auto second = world.step(root, Verb::stop_sandbox);
  EXPECT_EQ(second.work.attempts, 2);
  EXPECT_GT(*second.work.next_attempt_at - world.clock.now(), 40ms - 1ms) << "a tenth of the doubled delay at least";

  world.let_pass(1s);
  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Worker, TellsWhenToComeAgain) {
  World world;
  EXPECT_EQ(must(world->worker.run_once(Lane::fast)), std::nullopt);
  const auto sandbox = world.a_running_sandbox();
  world.driver.fail_next("kill", Code::busy);
  const auto root = world.remove(sandbox, without_archive);

  const auto next = must(world->worker.run_once(Lane::fast));

  EXPECT_EQ(next, world.step(root, Verb::stop_sandbox).work.next_attempt_at);
}

TEST(Worker, ALookThatFindsNothingCostsNoCommit) {
  World world;
  world.a_running_sandbox();
  const int commits = world.commits;

  world.run_workers();

  EXPECT_EQ(world.commits, commits);
}

TEST(Worker, TakesTheNextStepInTheCommitThatRecordsTheOneBefore) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  world.remove(sandbox, without_archive);
  const int commits = world.commits;

  world.run_fast();

  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(world.commits - commits, 4) << "one claim, and one for each step that does something";
}

TEST(Worker, FastWorkNeverWaitsBehindSlowWork) {
  World world;
  const auto archived = world.a_running_sandbox(), waived = world.a_running_sandbox();
  const auto root = world.remove(archived);
  world.remove(waived, without_archive);

  world.run_fast();

  EXPECT_EQ(world.state_of(waived), "gone");
  EXPECT_FALSE(world.runs(archived)) << "the killing of both is fast";
  EXPECT_EQ(world.step(root, Verb::archive_sandbox).phase, Phase::ready);
}

TEST(Worker, AnUnknownOutcomeIsTriedAgainAndFindsItDone) {
  World world;
  for (const std::string call : {"kill", "release", "discard", "erase"}) {
    const auto sandbox = world.a_running_sandbox();
    world.driver.lose_answer_of(call);

    const auto root = world.remove(sandbox, without_archive);
    world.let_pass(1s);

    EXPECT_EQ(world.row(root).phase, Phase::completed) << call;
    EXPECT_FALSE(world.host.holds_anything_of(uid_of(sandbox.resource.id))) << call;
  }
}

TEST(Worker, GivesAnUnknownOutcomeUpAfterTwelveTries) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  world.driver.fail_next("kill", Code::timed_out, 1000);

  const auto root = world.remove(sandbox, without_archive);
  world.let_pass(2h);

  EXPECT_EQ(world.step(root, Verb::stop_sandbox).phase, Phase::failed);
  EXPECT_EQ(world.driver.count("kill"), 12);
  EXPECT_EQ(world.row(root).phase, Phase::failed);
  EXPECT_EQ(world->worker.counters.failed, 1u);
  EXPECT_EQ(world->worker.counters.retried, 11u);
}

TEST(Worker, NeverGivesUpWhatIsBusyAndShowsItAsStuck) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  world.driver.fail_next("kill", Code::busy, 100);

  const auto root = world.remove(sandbox, without_archive);
  world.let_pass(5min);
  EXPECT_EQ(world.step(root, Verb::stop_sandbox).phase, Phase::stuck);
  EXPECT_EQ(world.row(root).phase, Phase::children);

  world.let_pass(1h);
  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Worker, AResultWhoseClaimWasTakenAwayIsDropped) {
  // The first server hangs in an effect while a second one opens the same database: a zombie.
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox, without_archive);
  world.driver.during("kill", [&] {
    must(open_installation(world.store, world.chance, "", "", world.clock_start()));
    EXPECT_EQ(world.step(root, Verb::stop_sandbox).phase, Phase::ready) << "its claim was released";
  });

  world.run_fast();

  EXPECT_EQ(world->worker.counters.zombies, 1u);
  EXPECT_EQ(world.driver.count("kill"), 2) << "what the zombie did counts for nothing: it is done again";
}

TEST(Worker, AResultIsDroppedAlsoWhereTheNextLifeIsAtTheSameStep) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox, without_archive);
  std::int64_t next_life = 0;
  world.driver.during("kill", [&] {
    next_life = must(open_installation(world.store, world.chance, "", "", world.clock_start())).epoch;
    auto step = world.step(root, Verb::stop_sandbox);
    must(world.store.write([&](Transaction& t) -> Status {
      step.phase = Phase::running;
      step.work.claim = next_life;
      return t.tasks().update(step);
    }));
  });

  world.run_fast();

  EXPECT_EQ(world->worker.counters.zombies, 1u);
  EXPECT_EQ(world.step(root, Verb::stop_sandbox).phase, Phase::running) << "it is the other's to record";
  EXPECT_EQ(world.step(root, Verb::stop_sandbox).work.claim, next_life);
  EXPECT_EQ(world.driver.count("kill"), 1);
}

TEST(Worker, AStartWhoseSandboxWasDeletedMeanwhileIsDroppedAndCleanedUp) {
  World world;
  const auto sandbox = world.a_requested_sandbox();
  world.driver.during("start", [&] { world.remove(sandbox, without_archive); });

  world.let_pass(1s);

  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(world->worker.counters.zombies, 1u);
  EXPECT_FALSE(world.host.holds_anything_of(uid_of(sandbox.resource.id)));
  EXPECT_EQ(world.story_of(sandbox.resource.id).find("sandbox.started"), std::string::npos);
}

TEST(Worker, TwoEffectsOnOneSandboxNeverOverlap) {
  World world;
  const auto sandbox = world.a_requested_sandbox();
  // While it starts, somebody deletes it, and another worker takes up the stopping.
  world.driver.during("start", [&] {
    const auto root = world.remove(sandbox, without_archive);
    world.run_fast();
    EXPECT_EQ(world.step(root, Verb::stop_sandbox).work.error_code, "in_flight");
  });

  world.let_pass(1s);

  EXPECT_TRUE(world.driver.overlaps.empty()) << world.driver.overlaps.front();
  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Worker, EffectsOnDifferentSandboxesDoOverlap) {
  World world;
  const auto slow = world.a_requested_sandbox();
  world.driver.during("start", [&] {
    const auto quick = world.a_requested_sandbox();
    world.run_fast();
    EXPECT_EQ(world.state_of(quick), "running");
  });

  world.run_fast();

  EXPECT_EQ(world.state_of(slow), "running");
}

TEST(Worker, ARecordThatTheStoreRefusesIsMadeLaterAndTheEffectIsNotRepeated) {
  World world;
  const auto sandbox = world.a_requested_sandbox();
  world.driver.during("start", [&] { world.refuse_commits(1); });

  EXPECT_EQ(outcome(world->worker.run_once(Lane::fast)), "no_space");
  EXPECT_EQ(world.state_of(sandbox), "starting");
  EXPECT_TRUE(world.runs(sandbox));

  world.run_fast();
  EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_EQ(world.driver.count("start"), 1);
}

TEST(Worker, AStepWhoseRecordWasRefusedGoesOnFromThere) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox, without_archive);
  world.driver.during("discard", [&] { world.refuse_commits(1); });

  EXPECT_EQ(outcome(world->worker.run_once(Lane::fast)), "no_space");
  EXPECT_EQ(world.step(root, Verb::destroy_sandbox).phase, Phase::running);

  world.run_fast();
  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(world.driver.count("discard"), 1);
}

TEST(Worker, AResultThatItsOwnRecordRefusesIsAnOutcomeAndDoesNotBlockTheLane) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox);
  // Somebody takes the archive away while it is being written.
  world.driver.during("export", [&] {
    const auto id = world.archives_of(sandbox).at(0).resource.id;
    must(world.store.write([&](Transaction& t) -> Status {
      auto half = TRY(t.archives().get(id));
      half.resource.state = State::deleting;
      return t.archives().update(half);
    }));
  });

  world.run_workers();
  EXPECT_EQ(world.step(root, Verb::archive_sandbox).phase, Phase::backing_off);

  world.let_pass(1s);
  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(world.archives_of(sandbox).at(1).resource.state, State::active) << "another one was made";
}

TEST(Worker, AServerThatDiesLeavesItsWorkToTheNextOne) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox, without_archive);
  // It dies before it can write down what it did.
  world.driver.during("kill", [&] { world.refuse_commits(1); });
  EXPECT_EQ(outcome(world->worker.run_once(Lane::fast)), "no_space");
  ASSERT_EQ(world.step(root, Verb::stop_sandbox).phase, Phase::running);

  world.restart();
  world.run_workers();

  EXPECT_EQ(world.row(root).phase, Phase::completed);
  EXPECT_EQ(world.state_of(sandbox), "gone");
}

}  // namespace
}  // namespace mayfly
