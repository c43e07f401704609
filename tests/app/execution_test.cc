#include "app/execution.h"

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

Error not_asked() { return {Code::internal, "no test asks for this", {}, {}}; }

/// Runs what it is told and ends it when the test says so.
class FakeAgent : public Agent {
 public:
  struct Run {
    Incarnation to;
    Command command;
    std::function<void(Result<RunResult>)> then;
  };
  std::vector<Run> runs;
  std::vector<std::int64_t> waits;           // for which process
  std::optional<Code> wait_refused;

  void end_all(int exit_code = 0) {
    for (auto& run : std::exchange(runs, {})) {
      RunResult result;
      result.process.id = 7;
      result.process.exit_code = exit_code;
      run.then(result);
    }
  }

  /// Its socket has gone: the agent and all it ran were killed.
  void falls_silent(Code code = Code::unavailable) {
    for (auto& run : std::exchange(runs, {})) run.then(fail(code, "the agent ended the connection before its answer"));
  }

  void run(const Incarnation& to, const Command& command, Duration,
           std::function<void(Result<RunResult>)> then) override {
    runs.push_back({to, command, std::move(then)});
  }
  Result<AgentStatus> status(const Incarnation&) override { return tl::unexpected(not_asked()); }
  Result<Process> spawn(const Incarnation&, const Command&) override { return tl::unexpected(not_asked()); }
  Result<std::vector<Process>> processes(const Incarnation&) override { return tl::unexpected(not_asked()); }
  Result<Process> process(const Incarnation&, std::int64_t) override { return tl::unexpected(not_asked()); }
  void wait(const Incarnation&, std::int64_t id, Duration, std::function<void(Result<RunResult>)> then) override {
    waits.push_back(id);
    if (wait_refused) return then(fail(*wait_refused, "no process 7"));
    then(RunResult());
  }
  Status signal(const Incarnation&, std::int64_t, int) override { return tl::unexpected(not_asked()); }
  Result<LogPiece> log(const Incarnation&, std::int64_t, LogStream, std::int64_t, std::int64_t, Duration) override {
    return tl::unexpected(not_asked());
  }
  Result<FileInfo> stat(const Incarnation&, const std::string&) override { return tl::unexpected(not_asked()); }
  Result<FileList> list(const Incarnation&, const std::string&) override { return tl::unexpected(not_asked()); }
  Result<FileList> tree(const Incarnation&, const std::string&) override { return tl::unexpected(not_asked()); }
  Result<std::unique_ptr<Source>> read(const Incarnation&, const std::string&, std::int64_t, std::int64_t) override {
    return tl::unexpected(not_asked());
  }
  Status write(const Incarnation&, const std::string&, std::optional<std::uint32_t>, Source&) override {
    return tl::unexpected(not_asked());
  }
  Status set_mode(const Incarnation&, const std::string&, std::uint32_t) override {
    return tl::unexpected(not_asked());
  }
  Status link(const Incarnation&, const std::string&, const std::string&) override {
    return tl::unexpected(not_asked());
  }
  Status mkdir(const Incarnation&, const std::string&, bool) override { return tl::unexpected(not_asked()); }
  Status move(const Incarnation&, const std::string&, const std::string&) override {
    return tl::unexpected(not_asked());
  }
  Status remove(const Incarnation&, const std::string&, bool) override { return tl::unexpected(not_asked()); }
};

struct Inside {
  World world;
  FakeAgent agent;
  Idempotency idempotency{world.store, world.chance, world.clock, [](std::string_view b) { return std::string(b); }};
  Execution execution{world->sandboxes, agent, world->activity, idempotency, world->installation};
  std::string answer;   // of the last run: "fine" or the error

  void run(const std::string& sandbox, Command command = {}, const Once& once = {}) {
    execution.run(world.admin(), sandbox, std::move(command), 10s,
                  [this](Result<RunResult> result) { answer = outcome(result); }, once);
  }
};

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
