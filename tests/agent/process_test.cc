// What becomes of commands: exit codes, signals, groups, orphans, and what a process gets from us.

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/given_agent.h"

namespace mayfly::test {
namespace {

using testing::HasSubstr;

Command sh(const std::string& line) { return {.argv = {"/bin/sh", "-c", line}}; }

TEST(AgentProcess, TellsOfItself) {
  GivenAgent agent;
  agent.spawn_sh("sleep 60");

  const auto status = agent.client->status(agent.here);

  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->version, MAYFLY_VERSION);
  EXPECT_EQ(status->running, 1);
  EXPECT_GE(status->connections, 1);
}

TEST(AgentProcess, ExitCodesAreThoseOfAShell) {
  GivenAgent agent;
  const auto code = [&](const Command& command) { return agent.run(command).process.exit_code; };
  put(agent.path("data"), "not a program");

  EXPECT_EQ(code({.argv = {"true"}}), 0);
  EXPECT_EQ(code(sh("exit 7")), 7);
  EXPECT_EQ(code(sh("exit 255")), 255);
  EXPECT_EQ(code(sh("kill -TERM $$")), 128 + SIGTERM);
  EXPECT_EQ(code(sh("kill -KILL $$")), 128 + SIGKILL);
  EXPECT_EQ(code({.argv = {"no-such-program"}}), 127);
  EXPECT_EQ(code({.argv = {"/no/such/program"}}), 127);
  EXPECT_EQ(code({.argv = {""}}), 127);
  EXPECT_EQ(code({.argv = {agent.path("data")}}), 126);
  EXPECT_EQ(code({.argv = {"/"}}), 126);
}

TEST(AgentProcess, SaysOnStderrWhyAProgramCannotBeExecuted) {
  GivenAgent agent;
  put(agent.path("data"), "not a program");

  EXPECT_EQ(agent.run({.argv = {"no-such-program"}}).err.bytes, "no-such-program: not found\n");
  EXPECT_EQ(agent.run({.argv = {agent.path("data")}}).err.bytes,
            agent.path("data") + ": cannot be executed: permission denied\n");
}

TEST(AgentProcess, AScriptWithoutInterpreterRunsInTheShell) {
  GivenAgent agent;
  put(agent.path("script"), "echo \"$0 $1\"\n");
  agent.sh("chmod +x " + agent.path("script"));

  EXPECT_EQ(agent.run({.argv = {agent.path("script"), "a b"}}).out.bytes, agent.path("script") + " a b\n");
}

TEST(AgentProcess, AResultHoldsBothStreamsAndTheSignal) {
  GivenAgent agent;

  const auto result = agent.sh("echo out; echo err >&2; kill -USR1 $$");

  EXPECT_FALSE(result.process.running);
  EXPECT_EQ(result.process.signal, SIGUSR1);
  EXPECT_EQ(result.out.bytes, "out\n");
  EXPECT_TRUE(result.out.ended);
  EXPECT_EQ(result.err.bytes, "err\n");
  EXPECT_EQ(result.process.stdout_bytes, 4);
  EXPECT_EQ(result.process.argv.size(), 3u);
  EXPECT_GE(result.process.age, result.process.ran);
}

TEST(AgentProcess, IdsCountFromOneAndAreNeverReused) {
  GivenAgent agent;

  EXPECT_EQ(agent.sh("exit 0").process.id, 1);
  EXPECT_FALSE(agent.client->spawn(agent.here, {.argv = {"true"}, .cwd = "/no/such/folder"}));
  EXPECT_EQ(agent.sh("exit 0").process.id, 3);
  EXPECT_EQ(agent.client->process(agent.here, 2).error().code, Code::not_found);
  EXPECT_EQ(agent.client->process(agent.here, 3)->id, 3);
}

TEST(AgentProcess, InputIsGivenOnStdinAndThenEnds) {
  GivenAgent agent;
  const std::string input(900'000, 'x');

  EXPECT_EQ(agent.run({.argv = {"wc", "-c"}, .input = input}).out.bytes, "900000\n");
  EXPECT_EQ(agent.run({.argv = {"wc", "-c"}}).out.bytes, "0\n");
  EXPECT_EQ(agent.run({.argv = {"true"}, .input = input}).process.exit_code, 0);
  EXPECT_EQ(agent.try_run({.argv = {"true"}, .input = std::string(2 << 20, 'x')}).error().code, Code::too_large);
}

TEST(AgentProcess, TheEnvironmentIsThatOfTheCommandAndNotOfTheAgent) {
  GivenAgent agent;

  EXPECT_EQ(agent.run({.argv = {"env"}}).out.bytes,
            "HOME=/root\nLANG=C.UTF-8\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
  EXPECT_THAT(agent.run({.argv = {"env"}, .env = {{"HOME", "/h"}, {"A", "b=c\nd"}}}).out.bytes,
              AllOf(HasSubstr("HOME=/h\n"), HasSubstr("A=b=c\nd\n"), Not(HasSubstr("SECRET"))));
  EXPECT_EQ(agent.run({.argv = {"env"}, .env = {{"PATH", "/nowhere"}}}).process.exit_code, 127);
  EXPECT_EQ(agent.try_run({.argv = {"env"}, .env = {{"A=B", ""}}}).error().code, Code::invalid);
  EXPECT_EQ(agent.try_run({.argv = {"env"}, .env = {{"", ""}}}).error().code, Code::invalid);
}

TEST(AgentProcess, StartsInItsFolderOrNotAtAll) {
  GivenAgent agent;
  put(agent.path("file"), "");

  EXPECT_EQ(agent.run({.argv = {"pwd"}}).out.bytes, "/\n");
  EXPECT_EQ(agent.run({.argv = {"pwd"}, .cwd = agent.folder.path}).out.bytes, agent.folder.path + "\n");
  const auto missing = agent.try_run({.argv = {"pwd"}, .cwd = "/no/such/folder"});
  EXPECT_EQ(missing.error().code, Code::invalid);
  EXPECT_THAT(missing.error().message, HasSubstr("/no/such/folder: No such file"));
  EXPECT_EQ(agent.try_run({.argv = {"pwd"}, .cwd = agent.path("file")}).error().code, Code::invalid);
  EXPECT_EQ(agent.try_run({.argv = {"pwd"}, .cwd = "relative"}).error().code, Code::invalid);
  EXPECT_TRUE(agent.client->processes(agent.here)->size() == 2);
}

TEST(AgentProcess, CommandsThatNoKernelCouldStartAreRefused) {
  GivenAgent agent;
  const auto code = [&](const Command& command) { return agent.try_run(command).error().code; };

  EXPECT_EQ(code({}), Code::invalid);
  EXPECT_EQ(code({.argv = {"echo", std::string("a\0b", 3)}}), Code::invalid);
  EXPECT_EQ(code({.argv = std::vector<std::string>(20'000, "x")}), Code::too_large);
  const auto too_long = agent.run({.argv = {"echo", std::string(200'000, 'x')}});
  EXPECT_EQ(too_long.process.exit_code, 126);
  EXPECT_THAT(too_long.err.bytes, HasSubstr("too long"));
}

TEST(AgentProcess, ATimeoutKillsTheWholeGroup) {
  GivenAgent agent;
  auto command = sh("sleep 600 & echo $!; wait");
  command.timeout = 200ms;

  const auto result = agent.run(command);

  EXPECT_TRUE(result.process.timed_out);
  EXPECT_EQ(result.process.exit_code, 128 + SIGKILL);
  const auto background = result.out.bytes.substr(0, result.out.bytes.find('\n'));
  EXPECT_EQ(agent.sh("while kill -0 " + background + " 2>/dev/null; do :; done").process.exit_code, 0);
}

TEST(AgentProcess, AProcessThatEndsInTimeHasNotTimedOut) {
  GivenAgent agent;
  Command command{.argv = {"true"}};
  command.timeout = 60s;

  EXPECT_FALSE(agent.run(command).process.timed_out);
}

TEST(AgentProcess, ASignalReachesTheGroupAndOfAnEndedProcessNobody) {
  GivenAgent agent;
  const auto process = agent.spawn_sh("sleep 600 & printf %8d $!; wait");
  const auto background = agent.printed(process.id, 8).bytes;

  EXPECT_TRUE(agent.client->signal(agent.here, process.id, SIGTERM));

  EXPECT_EQ(agent.wait(process.id)->process.signal, SIGTERM);
  EXPECT_EQ(agent.sh("p='" + background + "'; while kill -0 $p 2>/dev/null; do :; done").process.exit_code, 0);
  EXPECT_TRUE(agent.client->signal(agent.here, process.id, SIGKILL));
}

TEST(AgentProcess, SignalsToNobodyAndUnknownSignalsAreRefused) {
  GivenAgent agent;
  const auto process = agent.spawn_sh("sleep 600");

  EXPECT_EQ(agent.client->signal(agent.here, 99, SIGTERM).error().code, Code::not_found);
  EXPECT_EQ(agent.client->signal(agent.here, process.id, 0).error().code, Code::invalid);
  EXPECT_EQ(agent.client->signal(agent.here, process.id, 65).error().code, Code::invalid);
  EXPECT_EQ(agent.client->signal(agent.here, process.id, -9).error().code, Code::invalid);
}

TEST(AgentProcess, ANameIsTakenAsLongAsItsProcessRuns) {
  GivenAgent agent;
  auto command = sh("sleep 600");
  command.name = "server";
  const auto first = agent.client->spawn(agent.here, command);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->name, "server");

  EXPECT_EQ(agent.client->spawn(agent.here, command).error().code, Code::conflict);
  EXPECT_TRUE(agent.client->signal(agent.here, first->id, SIGKILL));
  agent.wait(first->id).value();
  EXPECT_TRUE(agent.client->spawn(agent.here, command));
}

TEST(AgentProcess, OrphansAreReaped) {
  GivenAgent agent;

  agent.sh("for i in 1 2 3 4 5 6 7 8; do (setsid sh -c 'exit 0' &) ; done");
  const auto orphan = agent.spawn_sh("(setsid sleep 0.05 &) ; exit 0");
  agent.wait(orphan.id).value();

  // Whoever is left as a child of the agent runs; it ends, and then nobody is left.
  const auto children = "ps -o stat= --ppid " + std::to_string(agent.pid);
  EXPECT_EQ(
      agent.sh("while [ $(" + children + " | grep -c .) -gt 1 ]; do :; done; " + children + " | grep Z | grep -c Z")
          .out.bytes,
      "0\n");
}

TEST(AgentProcess, HasEndedAlthoughItsGrandchildHoldsThePipe) {
  GivenAgent agent;

  const auto result =
      agent.sh("echo first; (while [ ! -e " + agent.path("go") + " ]; do sleep 0.01; done; echo later) &");
  EXPECT_FALSE(result.process.running);
  EXPECT_EQ(result.out.bytes, "first\n");

  put(agent.path("go"), "");
  while (agent.client->log(agent.here, result.process.id, LogStream::out, 0, 100, 0s)->total < 12)
    agent.sh("sleep 0.01");
  EXPECT_EQ(agent.client->log(agent.here, result.process.id, LogStream::out, 6, 100, 0s)->bytes, "later\n");
}

TEST(AgentProcess, WhatWasPrintedBeforeTheEndIsInTheResult) {
  GivenAgent agent;
  for (int i = 0; i < 50; ++i) {
    const auto result = agent.sh("head -c 60000 /dev/zero; sleep 600 & exit 0");
    ASSERT_EQ(result.out.bytes.size(), 60'000u);
  }
}

TEST(AgentProcess, ASessionOfItsOwnWithDefaultSignals) {
  GivenAgent agent;

  const auto result = agent.sh("ps -o pid=,pgid=,sid= -p $$; grep -E 'Sig(Blk|Ign)' /proc/self/status");

  EXPECT_THAT(result.out.bytes, HasSubstr("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
  const auto pid = std::to_string(result.process.pid);
  EXPECT_THAT(result.out.bytes, testing::ContainsRegex(pid + " +" + pid + " +" + pid));
}

TEST(AgentProcess, GetsNoDescriptorOfTheAgentAndItsOldLimit) {
  GivenAgent agent;

  EXPECT_EQ(agent.run({.argv = {"/bin/ls", "/proc/self/fd"}}).out.bytes, "0\n1\n2\n3\n");  // 3 is the listing itself
  rlimit own{};
  ::getrlimit(RLIMIT_NOFILE, &own);
  EXPECT_EQ(agent.sh("ulimit -n").out.bytes, std::to_string(own.rlim_cur) + "\n");
}

TEST(AgentProcess, OnlyTheNewestEndedOnesAreRemembered) {
  GivenAgent agent;
  const auto daemon = agent.spawn_sh("sleep 600");

  for (int i = 0; i < 140; ++i) agent.sh("exit 0");

  EXPECT_EQ(agent.client->processes(agent.here)->size(), 128u + 1);
  EXPECT_EQ(agent.client->process(agent.here, 2).error().code, Code::not_found);
  EXPECT_TRUE(agent.client->process(agent.here, daemon.id)->running);
  EXPECT_TRUE(agent.client->process(agent.here, 141));
}

TEST(AgentProcess, SigtermEndsTheAgentAndAllThatItStarted) {
  GivenAgent agent;
  const auto process = agent.spawn_sh("trap '' TERM; echo ready; while :; do sleep 0.01; done");
  agent.printed(process.id, 6);

  agent.signal(SIGTERM);

  EXPECT_EQ(agent.wait(process.id).error().code, Code::unavailable);
}

TEST(AgentProcess, WorksAsTheFirstProcessOfAPidNamespace) {
  GivenAgent agent({}, [] {
    // The agent is the child of the one that the test knows; it dies with it.
    CHECK(::unshare(CLONE_NEWPID) == 0);
    const pid_t first = ::fork();
    if (first == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      return;
    }
    int status = 0;
    ::waitpid(first, &status, 0);
    ::_exit(0);
  });

  EXPECT_EQ(agent.sh("echo $PPID").out.bytes, "1\n");
  EXPECT_EQ(agent.sh("(setsid sleep 0.02 &); exit 4").process.exit_code, 4);
}

}  // namespace
}  // namespace mayfly::test
