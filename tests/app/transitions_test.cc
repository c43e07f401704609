// Starting, pausing, resuming and stopping: what the worker makes of an intent, and of trouble with it.

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

TEST(Transitions, ALifeFromStartToStopAndAgain) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "build"});
  auto& all = world->sandboxes;
  const auto who = world.admin();

  EXPECT_EQ(must(all.pause(who, "build")).resource.state, State::pausing);
  world.run_workers();
  EXPECT_EQ(world.state_of(sandbox), "paused");
  EXPECT_FALSE(world.runs(sandbox));

  EXPECT_EQ(must(all.resume(who, "build")).resource.state, State::resuming);
  world.run_workers();
  EXPECT_EQ(world.state_of(sandbox), "running");

  EXPECT_EQ(must(all.stop(who, "build")).resource.state, State::stopping);
  world.run_workers();
  EXPECT_EQ(world.state_of(sandbox), "stopped");
  EXPECT_EQ(world.row(sandbox).ending->reason, "request");
  EXPECT_TRUE(world.host.containers.empty());
  EXPECT_EQ(world.files_of(sandbox), "what the user made") << "files outlive containers";

  EXPECT_EQ(must(all.start(who, "build")).resource.generation, 2);
  world.run_workers();
  EXPECT_TRUE(world.runs(sandbox));
  EXPECT_FALSE(world.row(sandbox).ending) << "it is alive";
  EXPECT_EQ(world.files_of(sandbox), "what the user made");
}

TEST(Transitions, TellOfEachStartThatCouldNotBeMadeAsAsked) {
  World world;
  std::vector<std::string> told;
  world->transitions.started_with_caveats = [&](const Sandbox& of, const std::vector<std::string>& caveats) {
    for (const auto& caveat : caveats) told.push_back(of.resource.name + ": " + caveat);
  };

  world.a_running_sandbox({.name = "as-asked"});
  EXPECT_TRUE(told.empty());
  world.driver.caveats = {"no memory limit", "no network"};
  const auto sandbox = world.a_running_sandbox({.name = "not-so"});

  EXPECT_EQ(told, (std::vector<std::string>{"not-so: no memory limit", "not-so: no network"}));
  EXPECT_EQ(world.row(sandbox).caveats, world.driver.caveats);
}

TEST(Transitions, AMoveThatTheStateForbidsIsRefusedAndChangesNothing) {
  World world;
  const auto sandbox = world.a_stopped_sandbox({.name = "build"});

  EXPECT_EQ(outcome(world->sandboxes.pause(world.admin(), "build")), "conflict state_stopped");
  EXPECT_EQ(outcome(world->sandboxes.resume(world.admin(), "build")), "conflict state_stopped");
  EXPECT_EQ(outcome(world->sandboxes.stop(world.caller(Role::reader), "build")), "denied role_too_low");
  EXPECT_EQ(outcome(world->sandboxes.start(world.admin(), "nobody")), "not_found sandbox_not_found");

  EXPECT_EQ(world.state_of(sandbox), "stopped");
}

TEST(Transitions, AStartThatCannotSucceedFailsAtOnce) {
  for (const auto code : {Code::invalid, Code::unsupported, Code::not_found}) {
    World world;
    const auto sandbox = world.a_requested_sandbox();
    world.driver.fail_next("start", code);

    world.run_workers();

    const auto row = world.row(sandbox);
    EXPECT_EQ(row.resource.state, State::failed) << name(code);
    EXPECT_EQ(row.work.last_error, "start was told to answer " + std::string(name(code)));
    EXPECT_EQ(row.ending->reason, "start_failed");
    EXPECT_TRUE(row.lifetime.retention) << "a failed one is kept and then deleted as others are";
  }
}

TEST(Transitions, AStartIsTriedAFewTimesWhileItsCallerStillCares) {
  World world;
  const auto sandbox = world.a_requested_sandbox();
  world.driver.fail_next("start", Code::unavailable, 4);
  world.let_pass(1min);
  EXPECT_EQ(world.state_of(sandbox), "running");

  const auto unlucky = world.a_requested_sandbox();
  world.driver.fail_next("start", Code::unavailable, 5);
  world.let_pass(1min);
  EXPECT_EQ(world.state_of(unlucky), "failed");
}

TEST(Transitions, AStartWhoseAnswerWasLostIsClearedAwayAndDoneAgain) {
  World world;
  const auto sandbox = world.a_requested_sandbox();
  world.driver.lose_answer_of("start");

  world.let_pass(10s);

  EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_EQ(world.driver.calls, (std::vector<std::string>{"start 1", "kill 1", "release 1", "start 1"}));
  EXPECT_EQ(world.host.containers.size(), 1u);
}

TEST(Transitions, AFailedOneCanBeStartedAgain) {
  World world;
  const auto sandbox = world.a_sandbox_in(State::failed);

  must(world->sandboxes.start(world.admin(), sandbox.resource.id.text));
  world.run_workers();

  EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_TRUE(world.row(sandbox).work.last_error.empty());
  EXPECT_EQ(world.row(sandbox).resource.generation, 1) << "its first container was still to come";
}

TEST(Transitions, AStartOfOneWhoseFilesAreGoneIsRefused) {
  World world;
  const auto sandbox = world.a_stopped_sandbox();
  world.host.layers.clear();

  must(world->sandboxes.start(world.admin(), sandbox.resource.id.text));
  world.run_workers();

  const auto row = world.row(sandbox);
  EXPECT_EQ(row.resource.state, State::failed);
  EXPECT_EQ(row.work.error_code, "layer_missing");
  EXPECT_NE(row.work.last_error.find("the files of " + sandbox.resource.id.text + " are gone"), std::string::npos);
  EXPECT_EQ(row.ending->reason, "start_failed");
  EXPECT_EQ(world.files_of(sandbox), "none") << "an empty one in its place would look like success";
  EXPECT_EQ(world.driver.count("start"), 1) << "only the first, when they were there";
}

TEST(Transitions, OneWhoseFilesAreBackStartsAgain) {
  World world;
  const auto sandbox = world.a_stopped_sandbox();
  const auto layers = std::exchange(world.host.layers, {});
  must(world->sandboxes.start(world.admin(), sandbox.resource.id.text));
  world.run_workers();
  ASSERT_EQ(world.state_of(sandbox), "failed");

  world.host.layers = layers;
  must(world->sandboxes.start(world.admin(), sandbox.resource.id.text));
  world.run_workers();

  EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_EQ(world.files_of(sandbox), "what the user made");
}

TEST(Transitions, AStopGoesOnUntilItIsDone) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  world.driver.fail_next("kill", Code::internal, 30);

  must(world->sandboxes.stop(world.admin(), sandbox.resource.id.text));
  world.let_pass(3h);

  EXPECT_EQ(world.state_of(sandbox), "stopped");
}

TEST(Transitions, AStopOvertakesAPauseThatIsNotDone) {
  World world;
  const auto sandbox = world.a_sandbox_in(State::pausing);

  must(world->sandboxes.stop(world.admin(), sandbox.resource.id.text));
  world.let_pass(1s);

  EXPECT_EQ(world.state_of(sandbox), "stopped");
}

TEST(Transitions, WhatIsToBePausedAndIsNotThereIsLost) {
  for (const std::string call : {"freeze", "thaw"}) {
    World world;
    const auto sandbox = call == "freeze" ? world.a_running_sandbox() : world.a_paused_sandbox();
    world.host.containers.clear();

    call == "freeze" ? must(world->sandboxes.pause(world.admin(), sandbox.resource.id.text))
                     : must(world->sandboxes.resume(world.admin(), sandbox.resource.id.text));
    world.run_workers();

    EXPECT_EQ(world.state_of(sandbox), "stopped") << call;
    EXPECT_EQ(world.row(sandbox).ending->reason, "lost") << call;
    EXPECT_EQ(world.files_of(sandbox), "what the user made") << call;
  }
}

TEST(Transitions, APauseStandsTheClocksStillAndAResumeLetsThemGoOn) {
  World world;
  const auto sandbox = world.a_running_sandbox({.lifetime = age_of(1h)});
  world.let_pass(20min);
  must(world->sandboxes.pause(world.admin(), sandbox.resource.id.text));
  world.let_pass(48h);
  ASSERT_EQ(world.state_of(sandbox), "paused");

  must(world->sandboxes.resume(world.admin(), sandbox.resource.id.text));
  world.let_pass(39min);
  EXPECT_EQ(world.state_of(sandbox), "running");

  world.let_pass(2min);
  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Restore, BeginsWithTheFilesOfTheArchive) {
  World world;
  const auto archive = world.an_archive("my thesis");

  const auto sandbox = world.a_running_sandbox({.restore_from = archive.resource.id.text});

  EXPECT_EQ(world.files_of(sandbox), "my thesis");
  EXPECT_EQ(sandbox.spec.image_digest, "sha256:busybox");
}

TEST(Restore, HappensOnceAndNeverOverNewerFiles) {
  World world;
  const auto archive = world.an_archive("old");
  const auto sandbox = world.a_running_sandbox({.restore_from = archive.resource.id.text});
  world.write_files(sandbox, "new");

  must(world->sandboxes.stop(world.admin(), sandbox.resource.id.text));
  world.run_workers();
  must(world->sandboxes.start(world.admin(), sandbox.resource.id.text));
  world.run_workers();

  EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_EQ(world.files_of(sandbox), "new");
}

TEST(Restore, OfADamagedArchiveIsRefused) {
  World world;
  const auto archive = world.an_archive("my thesis");
  world.host.objects.at(archive.key)[3] ^= 1;

  const auto sandbox = world.a_requested_sandbox({.restore_from = archive.resource.id.text});
  world.run_workers();

  EXPECT_EQ(world.state_of(sandbox), "failed");
  EXPECT_EQ(world.row(sandbox).work.error_code, "archive_damaged");
  EXPECT_EQ(world.driver.count("start"), 1) << "only the one that was archived ever started";
}

TEST(Restore, StoppedBeforeTheFirstStartStillComesWithTheNext) {
  World world;
  const auto archive = world.an_archive("my thesis");
  const auto sandbox = world.a_requested_sandbox({.restore_from = archive.resource.id.text});

  must(world->sandboxes.stop(world.admin(), sandbox.resource.id.text));
  world.run_workers();
  ASSERT_EQ(world.state_of(sandbox), "stopped");
  must(world->sandboxes.start(world.admin(), sandbox.resource.id.text));
  world.run_workers();

  EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_EQ(world.files_of(sandbox), "my thesis");
}

TEST(Restore, StartsOverAfterAnAttemptThatDied) {
  World world;
  const auto archive = world.an_archive("my thesis");
  const auto sandbox = world.a_requested_sandbox({.restore_from = archive.resource.id.text});
  world.driver.lose_answer_of("import");
  world.driver.lose_answer_of("start");

  world.let_pass(10s);

  EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_EQ(world.files_of(sandbox), "my thesis");
}

TEST(Restore, OfWhatIsNoArchiveHereIsRefusedWhenItIsAsked) {
  World world;
  const auto archive = world.an_archive();
  must(world->archives.remove(world.admin(), archive.resource.id.text));
  NewSandbox wish;
  for (const auto& id : {archive.resource.id.text, std::string("arc_nothing"), std::string("../etc")}) {
    wish.spec.restore_from = id;
    EXPECT_EQ(outcome(world->sandboxes.create(world.admin(), wish)), "not_found archive_not_found") << id;
  }
}

}  // namespace
}  // namespace mayfly
