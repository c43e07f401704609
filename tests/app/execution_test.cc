#include "app/execution.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "app/fake_agent.h"

namespace mayfly {
namespace {

TEST(Execution, AsksTheGenerationThatRunsNow) {
  Inside inside;
  auto& world = inside.world;
  const auto sandbox = world.a_stopped_sandbox({.name = "build"});
  must(world->sandboxes.start(world.admin(), "build"));
  world.run_workers();

  inside.run("build");

  ASSERT_EQ(inside.agent.runs.size(), 1u);
  EXPECT_EQ(inside.agent.runs[0].to, incarnation_of(world.row(sandbox), world->installation));
  EXPECT_EQ(inside.agent.runs[0].to.generation, 2);
  inside.agent.end_all();
  EXPECT_EQ(inside.answer, "fine");
}

TEST(Execution, WaitsForASandboxThatIsStillStarting) {
  Inside inside;
  inside.world.a_requested_sandbox({.name = "build"});

  inside.run("build");
  EXPECT_TRUE(inside.agent.runs.empty());

  inside.world.run_workers();
  EXPECT_EQ(inside.agent.runs.size(), 1u);
}

TEST(Execution, WaitsForAResumeToo) {
  Inside inside;
  const auto sandbox = inside.world.a_sandbox_in(State::resuming);

  inside.run(sandbox.resource.id.text);
  inside.world.let_pass(1s);

  EXPECT_EQ(inside.agent.runs.size(), 1u);
}

TEST(Execution, AConnectionToAPortWaitsForTheStartAndIsUseWhileItIsOpen) {
  Inside inside;
  auto& world = inside.world;
  const auto sandbox = world.a_requested_sandbox({.name = "build", .lifetime = idle_of(5min)});
  std::optional<PortConnection> open;

  inside.execution.connect(world.admin(), "build", 8080, [&](Result<PortConnection> connection) {
    open = must(std::move(connection));
  });
  EXPECT_TRUE(inside.agent.dialled.empty());
  world.run_workers();

  EXPECT_EQ(inside.agent.dialled, std::vector<int>{8080});
  ASSERT_TRUE(open && open->to);
  world.let_pass(12min);
  EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_EQ(world.row(sandbox).lifetime.active_by, Activity::port);

  open.reset();
  world.let_pass(6min);
  EXPECT_NE(world.state_of(sandbox), "running");
}

TEST(Execution, TellsWhenTheStartFailsOrTakesTooLong) {
  Inside inside;
  inside.world.a_requested_sandbox({.name = "broken"});
  inside.world.driver.fail_next("start", Code::invalid);
  inside.run("broken");
  inside.world.run_workers();
  EXPECT_EQ(inside.answer, "conflict state_failed");

  inside.world.a_requested_sandbox({.name = "slow"});
  inside.run("slow");
  inside.world.clock.advance(30s);
  inside.world->waiting.run_once(inside.world.clock.now());
  EXPECT_EQ(inside.answer, "conflict state_requested");
  EXPECT_TRUE(inside.agent.runs.empty());
}

TEST(Execution, RefusesWhatDoesNotRun) {
  const struct {
    State state;
    std::string_view answer;
  } table[] = {
      {State::pausing, "conflict state_pausing"},   {State::paused, "conflict state_paused"},
      {State::stopping, "conflict state_stopping"}, {State::stopped, "conflict state_stopped"},
      {State::failed, "conflict state_failed"},     {State::deleting, "conflict state_deleting"},
      {State::gone, "not_found sandbox_not_found"},
  };
  for (const auto& row : table) {
    Inside inside;
    const auto sandbox = inside.world.a_sandbox_in(row.state);
    const auto& id = sandbox.resource.id.text;

    inside.run(id);

    EXPECT_EQ(inside.answer, row.answer);
    EXPECT_EQ(outcome(inside.execution.use(inside.world.admin(), id, Activity::file)), row.answer);
    EXPECT_EQ(outcome(inside.execution.look(inside.world.admin(), id)), row.answer);
    EXPECT_TRUE(inside.agent.runs.empty());
  }
}

TEST(Execution, FillsInWhatTheSandboxWasMadeWith) {
  Inside inside;
  NewSandbox wish;
  wish.name = "build";
  wish.spec.image = "busybox";
  wish.spec.workdir = "/home";
  wish.spec.env = {{"LANG", "C"}, {"USER", "sandbox"}};
  must(inside.world->sandboxes.create(inside.world.admin(), wish));
  inside.world.run_workers();
  Command command;
  command.env = {{"USER", "me"}};
  command.cwd = "";

  inside.run("build", command);
  command.cwd = "/tmp";
  inside.run("build", command);

  ASSERT_EQ(inside.agent.runs.size(), 2u);
  EXPECT_EQ(inside.agent.runs[0].command.cwd, "/home");
  EXPECT_EQ(inside.agent.runs[0].command.env.at("LANG"), "C");
  EXPECT_EQ(inside.agent.runs[0].command.env.at("USER"), "me") << "what the caller says goes";
  EXPECT_EQ(inside.agent.runs[1].command.cwd, "/tmp");
}

TEST(Execution, ALongCommandKeepsAnIdleSandboxAlive) {
  Inside inside;
  auto& world = inside.world;
  const auto sandbox = world.a_running_sandbox({.name = "build", .lifetime = idle_of(5min)});
  inside.run("build");

  world.let_pass(2h);
  EXPECT_EQ(world.state_of(sandbox), "running");

  inside.agent.end_all();
  world.let_pass(6min);
  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Execution, ACommandThatTheDiskLimitEndedSaysSo) {
  Inside inside;
  auto& world = inside.world;
  const auto sandbox = world.a_running_sandbox({.name = "build"});
  inside.run("build");
  world.driver.cpu[uid_of(sandbox.resource.id)] = 1000;
  world.driver.disk[uid_of(sandbox.resource.id)] = (sandbox.spec.resources.disk_mb << 20) + 1;

  must(world->disk_watch.run_once());
  inside.agent.falls_silent();

  EXPECT_EQ(inside.answer, "no_space disk_limit");
}

TEST(Execution, ACommandThatAStopAPauseOrADeleteEndedSaysSo) {
  const struct {
    std::function<void(World&)> act;
    std::string_view answer;
  } table[] = {
      {[](World& world) { must(world->sandboxes.stop(world.admin(), "build")); }, "conflict state_stopping"},
      {[](World& world) { must(world->sandboxes.pause(world.admin(), "build")); }, "conflict state_pausing"},
      {[](World& world) { must(world->sandboxes.remove(world.admin(), "build", {})); }, "conflict state_deleting"},
      {[](World&) {}, "unavailable"},
  };
  for (const auto& row : table) {
    Inside inside;
    inside.world.a_running_sandbox({.name = "build"});
    inside.run("build");

    row.act(inside.world);
    inside.agent.falls_silent();

    EXPECT_EQ(inside.answer, row.answer);
  }
}

TEST(Execution, WhatTheAgentItselfRefusesStaysAsItIs) {
  Inside inside;
  inside.world.a_running_sandbox({.name = "build"});
  inside.run("build");

  must(inside.world->sandboxes.stop(inside.world.admin(), "build"));
  inside.agent.falls_silent(Code::not_found);

  EXPECT_EQ(inside.answer, "not_found");
}

TEST(Execution, LookingOnIsNoUseAndOpenToReaders) {
  Inside inside;
  auto& world = inside.world;
  const auto sandbox = world.a_running_sandbox({.name = "build", .lifetime = idle_of(5min)});
  world.let_pass(4min);

  EXPECT_EQ(outcome(inside.execution.use(world.caller(Role::reader), "build", Activity::file)), "denied role_too_low");
  EXPECT_EQ(outcome(inside.execution.look(world.caller(Role::reader), "build")), "fine");
  world.let_pass(2min);

  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Execution, AUseMovesTheIdleDeadline) {
  Inside inside;
  auto& world = inside.world;
  const auto sandbox = world.a_running_sandbox({.name = "build", .lifetime = idle_of(5min)});
  world.let_pass(4min);

  must(inside.execution.use(world.admin(), "build", Activity::file));
  world.let_pass(4min);

  EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_EQ(world.row(sandbox).lifetime.active_by, Activity::file);
}

TEST(Execution, AnAgentThatIsNotThereIsReportedAtOnce) {
  Inside inside;
  inside.world.a_running_sandbox({.name = "build"});
  int missed = 0;
  inside.execution.agent_missed = [&] { ++missed; };
  inside.run("build");

  for (auto& run : std::exchange(inside.agent.runs, {})) run.then(fail(Code::unavailable, "nobody listens"));

  EXPECT_EQ(inside.answer, "unavailable");
  EXPECT_EQ(missed, 1);
}

const Once once{"scope", "body"};

TEST(Execution, ARepeatWaitsForTheProcessOfTheFirst) {
  Inside inside;
  inside.world.a_running_sandbox({.name = "build"});
  inside.run("build", {}, once);
  inside.agent.end_all();

  inside.run("build", {}, once);

  EXPECT_EQ(inside.answer, "fine");
  EXPECT_TRUE(inside.agent.runs.empty());
  EXPECT_EQ(inside.agent.waits, std::vector<std::int64_t>{7});

  inside.run("build", {}, {"scope", "another body"});
  EXPECT_EQ(inside.answer, "invalid idempotency_key_reused");
}

TEST(Execution, ARepeatOfALostCallAsksUnderTheSameToken) {
  Inside inside;
  inside.world.a_running_sandbox({.name = "build"});
  inside.run("build", {}, once);
  ASSERT_EQ(inside.agent.runs.size(), 1u);
  const auto token = inside.agent.runs[0].command.token;
  EXPECT_FALSE(token.empty());
  inside.agent.falls_silent();

  inside.run("build", {}, once);
  inside.run("build", {}, {"other scope", "body"});
  inside.run("build");

  ASSERT_EQ(inside.agent.runs.size(), 3u);
  EXPECT_EQ(inside.agent.runs[0].command.token, token);
  EXPECT_GT(inside.agent.runs[1].command.token, token);
  EXPECT_EQ(inside.agent.runs[2].command.token, "");
}

TEST(Execution, ARepeatSaysWhatIsNotKeptAnyMore) {
  Inside inside;
  auto& world = inside.world;
  world.a_running_sandbox({.name = "build"});
  const Once lost{"lost", "body"};
  inside.run("build", {}, once);
  inside.agent.end_all();
  inside.run("build", {}, lost);
  inside.agent.falls_silent();

  inside.agent.wait_refused = Code::not_found;
  inside.run("build", {}, once);
  EXPECT_EQ(inside.answer, "not_found process_forgotten");

  must(world->sandboxes.stop(world.admin(), "build"));
  world.run_workers();
  must(world->sandboxes.start(world.admin(), "build"));
  world.run_workers();
  inside.run("build", {}, once);
  EXPECT_EQ(inside.answer, "not_found process_forgotten");
  inside.run("build", {}, lost);
  EXPECT_EQ(inside.answer, "conflict outcome_unknown");
  EXPECT_TRUE(inside.agent.runs.empty());
}

}  // namespace
}  // namespace mayfly
