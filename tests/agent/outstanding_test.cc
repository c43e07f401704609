// Runs and waits: many at once, and agents that die, hang or are not there.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <future>
#include <latch>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/given_agent.h"

namespace mayfly::test {
namespace {

using Promise = std::promise<Result<RunResult>>;

Command sh(const std::string& line) { return {.argv = {"/bin/sh", "-c", line}}; }

auto into(Promise& promise) {
  return [&promise](Result<RunResult> result) { promise.set_value(std::move(result)); };
}

TEST(AgentRun, TwoHundredAtOnceEachGetTheirOwnResult) {
  GivenAgent agent;
  constexpr int many = 200;
  std::latch done(many);
  std::atomic<int> right = 0;

  for (int i = 0; i < many; ++i)
    agent.client->run(agent.here, sh("echo " + std::to_string(i) + "; exit " + std::to_string(i % 100)), 60s,
                      [&, i](Result<RunResult> result) {
                        right += result && result->process.exit_code == i % 100 &&
                                 result->out.bytes == std::to_string(i) + "\n";
                        done.count_down();
                      });

  done.wait();
  EXPECT_EQ(right, many);
}

TEST(AgentRun, AWaitThatEndsFirstAnswersWithARunningProcess) {
  GivenAgent agent;

  const auto result = agent.sh("echo started; exec sleep 600", 100ms);

  EXPECT_TRUE(result.process.running);
  EXPECT_FALSE(result.out.ended);
  EXPECT_EQ(agent.sh("exit 0", 0s).process.id, 2);
  agent.client->signal(agent.here, 1, SIGKILL).has_value();
  EXPECT_EQ(agent.wait(1)->process.signal, SIGKILL);
  EXPECT_EQ(agent.wait(1)->out.bytes, "started\n");
}

TEST(AgentRun, WaitingForNobodyIsNotFound) {
  GivenAgent agent;

  EXPECT_EQ(agent.wait(5).error().code, Code::not_found);
}

TEST(AgentRun, TheAgentAnswersWhileManyCallersWait) {
  GivenAgent agent;
  const auto process = agent.spawn_sh("exec sleep 600");
  constexpr int many = 300;
  std::latch done(many), refused(many - 224);
  std::atomic<int> ended = 0, exhausted = 0;

  for (int i = 0; i < many; ++i)
    agent.client->wait(agent.here, process.id, 60s, [&](Result<RunResult> result) {
      if (result)
        ++ended;
      else if (result.error().code == Code::exhausted) {
        ++exhausted;
        refused.count_down();
      }
      done.count_down();
    });

  refused.wait();
  EXPECT_TRUE(agent.client->status(agent.here));
  EXPECT_TRUE(agent.client->log(agent.here, process.id, LogStream::out, 0, 1, 0s));
  EXPECT_EQ(agent.client->log(agent.here, process.id, LogStream::out, 0, 1, 1s).error().code, Code::exhausted);
  EXPECT_TRUE(agent.client->signal(agent.here, process.id, SIGKILL));
  done.wait();
  EXPECT_EQ(ended, 224);
  EXPECT_EQ(exhausted, many - 224);
}

TEST(AgentRun, CallersThatGoAwayFreeTheirPlaces) {
  GivenAgent agent;
  const auto process = agent.spawn_sh("exec sleep 600");
  std::atomic<int> unavailable = 0;
  {
    AgentClient leaving([&](const Incarnation&) { return agent.socket_path; });
    for (int i = 0; i < 200; ++i)
      leaving.wait(agent.here, process.id, 1h, [&](Result<RunResult> result) {
        unavailable += !result && result.error().code == Code::unavailable;
      });
    while (agent.client->status(agent.here)->connections <= 200) {
    }
  }

  EXPECT_EQ(unavailable, 200);
  while (agent.client->status(agent.here)->connections > 1) {
  }
}

TEST(AgentRun, AnAgentKilledInTheMiddleIsUnavailable) {
  GivenAgent agent;
  const auto process = agent.spawn_sh("exec sleep 600");
  Promise running, waiting;
  agent.client->run(agent.here, sh("touch " + agent.path("runs") + "; exec sleep 600"), 1h, into(running));
  agent.client->wait(agent.here, process.id, 1h, into(waiting));
  while (::access(agent.path("runs").c_str(), F_OK) != 0) {
  }

  agent.signal(SIGKILL);

  EXPECT_EQ(running.get_future().get().error().code, Code::unavailable);
  EXPECT_EQ(waiting.get_future().get().error().code, Code::unavailable);
  EXPECT_EQ(agent.client->status(agent.here).error().code, Code::unavailable);
  EXPECT_EQ(agent.try_run({.argv = {"true"}}).error().code, Code::unavailable);
}

TEST(AgentRun, AStoppedAgentTimesOut) {
  GivenAgent agent(Quick::options);
  agent.sh("exit 0");
  agent.signal(SIGSTOP);
  StringSource content("x");

  EXPECT_EQ(agent.try_run({.argv = {"true"}}, 10ms).error().code, Code::timed_out);
  EXPECT_EQ(agent.client->status(agent.here).error().code, Code::timed_out);
  EXPECT_EQ(agent.client->log(agent.here, 1, LogStream::out, 0, 1, 10ms).error().code, Code::timed_out);
  EXPECT_EQ(agent.client->read(agent.here, "/etc/passwd", 0, -1).error().code, Code::timed_out);
  EXPECT_EQ(agent.client->write(agent.here, agent.path("x"), {}, content).error().code, Code::timed_out);
  EXPECT_EQ(agent.client->remove(agent.here, agent.path("x"), true).error().code, Code::timed_out);
}

TEST(AgentRun, ThousandsAgainstAStoppedAgentAllTimeOut) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  GivenAgent agent(Quick::options);
  agent.sh("exit 0");
  agent.signal(SIGSTOP);
  constexpr int many = 3000;  // more than its queue of callers holds
  std::latch done(many);
  std::atomic<int> timed_out = 0;

  for (int i = 0; i < many; ++i)
    agent.client->run(agent.here, {.argv = {"true"}}, 10ms, [&](Result<RunResult> result) {
      timed_out += !result && result.error().code == Code::timed_out;
      done.count_down();
    });

  done.wait();
  EXPECT_EQ(timed_out, many);
}

TEST(AgentRun, WithoutAnAgentCallsAreUnavailable) {
  const TemporaryFolder folder;
  std::string path = folder.path + "/none.sock";
  AgentClient client([&](const Incarnation&) { return path; });
  const auto code = [&] { return client.status({"test", {}, 1}).error().code; };

  EXPECT_EQ(code(), Code::unavailable);
  put(path, "not a socket");
  EXPECT_EQ(code(), Code::unavailable);
  path = folder.path + "/" + std::string(300, 'x');
  EXPECT_EQ(code(), Code::unavailable);
  path = folder.path + std::string(300, '/') + "none.sock";
  EXPECT_EQ(code(), Code::unavailable);
}

TEST(AgentRun, ASocketMayLieDeeperThanASocketNameIsLong) {
  GivenAgent agent;
  const auto deep = agent.folder.path + "/" + std::string(100, 'd') + "/" + std::string(100, 'e');
  std::filesystem::create_directories(deep);
  std::filesystem::rename(agent.socket_path, deep + "/a.sock");
  AgentClient client([&](const Incarnation&) { return deep + "/a.sock"; });

  EXPECT_TRUE(client.status(agent.here));
}

TEST(AgentRun, ACallbackMayCallAgain) {
  GivenAgent agent;
  Promise done;

  agent.client->run(agent.here, sh("exit 1"), 20s,
                    [&](Result<RunResult>) { agent.client->run(agent.here, sh("exit 2"), 20s, into(done)); });

  EXPECT_EQ(done.get_future().get()->process.exit_code, 2);
}

// Prints what a run costs; the machine decides how much that is, so nothing is asserted about it.
TEST(AgentRun, AThousandRunsOfTrue) {
  GivenAgent agent;
  std::vector<double> milliseconds;
  for (int i = 0; i < 1000; ++i) {
    const auto start = std::chrono::steady_clock::now();
    ASSERT_EQ(agent.run({.argv = {"/bin/true"}}).process.exit_code, 0);
    milliseconds.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }

  std::sort(milliseconds.begin(), milliseconds.end());
  std::printf("run of true: p50 %.2f ms, p95 %.2f ms\n", milliseconds[500], milliseconds[950]);
}

}  // namespace
}  // namespace mayfly::test
