// A command with a token is started once, however often it is asked for.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/given_agent.h"
#include "base/wire.h"

namespace mayfly::test {
namespace {

Command sh(const std::string& line, const std::string& token) {
  Command command{.argv = {"/bin/sh", "-c", line}};
  command.token = token;
  return command;
}

/// Tokens of a fixed width sort by their number, as those of the server sort by time.
std::string token(int number) { return std::to_string(1'000'000 + number); }

std::string outcome_of(const Result<RunResult>& result) {
  if (result) return "fine";
  return std::string(name(result.error().code)) + " " + result.error().reason;
}

TEST(AgentTokens, StartOneProcessEach) {
  GivenAgent agent;
  const auto line = "echo x >> " + agent.path("log") + "; echo done";

  const auto first = agent.run(sh(line, token(1)));
  const auto again = agent.run(sh(line, token(1)));
  const auto other = agent.run(sh(line, token(2)));

  EXPECT_EQ(again.process.id, first.process.id);
  EXPECT_EQ(again.out.bytes, "done\n");
  EXPECT_NE(other.process.id, first.process.id);
  EXPECT_EQ(contents(agent.path("log")), "x\nx\n");
}

TEST(AgentTokens, AreWaitedForWhileTheirProcessRuns) {
  GivenAgent agent;
  const auto line = "until test -e " + agent.path("go") + "; do sleep 0.01; done; exit 3";

  const auto first = agent.run(sh(line, token(1)), 0s);
  EXPECT_TRUE(first.process.running);
  put(agent.path("go"), "");

  EXPECT_EQ(agent.run(sh(line, token(1))).process.exit_code, 3);
}

TEST(AgentTokens, OfACommandThatWasRefusedAreFreeAgain) {
  GivenAgent agent;
  auto named = sh("exit 5", token(1));
  named.name = "one";
  auto holder = sh("sleep 60", "");
  holder.name = "one";
  const auto held = agent.client->spawn(agent.here, holder);
  ASSERT_TRUE(held) << held.error().message;
  EXPECT_EQ(agent.try_run(named).error().code, Code::conflict);

  ASSERT_TRUE(agent.client->signal(agent.here, held->id, 9));
  ASSERT_TRUE(agent.wait(held->id));

  EXPECT_EQ(agent.run(named).process.exit_code, 5);
}

TEST(AgentTokens, ThatMayHaveBeenSeenAndForgottenStartNothing) {
  GivenAgent agent;
  const auto limit = static_cast<int>(wire::token_limit);
  for (int i = 1; i <= limit + 1; ++i) agent.run({.argv = {"true"}, .token = token(i)});

  EXPECT_EQ(outcome_of(agent.try_run(sh("true", token(1)))), "conflict outcome_unknown");
  EXPECT_EQ(outcome_of(agent.try_run(sh("true", token(0)))), "conflict outcome_unknown");
  EXPECT_EQ(outcome_of(agent.try_run(sh("true", token(2)))), "not_found ") << "seen, and its process forgotten";
  EXPECT_EQ(outcome_of(agent.try_run(sh("true", token(limit + 2)))), "fine");
}

}  // namespace
}  // namespace mayfly::test
