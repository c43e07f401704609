// Commands as streams: who gets one, why it ends, and how many there are.

#include <gtest/gtest.h>

#include "app/fake_agent.h"

namespace mayfly {
namespace {

/// Tells as many callers apart as a test wants.
Caller with_key(Caller caller, const std::string& key) {
  caller.key = {key};
  return caller;
}

TEST(AttachedExecution, GivesTheStreamOfACommandInTheSandboxThatRuns) {
  Inside inside;
  const auto sandbox = inside.world.a_sandbox_in(State::running);
  const auto& id = sandbox.resource.id.text;

  const auto stream = inside.execution.attach(inside.world.admin(), id, {.argv = {"make"}, .cwd = ""});

  ASSERT_TRUE(stream) << stream.error().message;
  EXPECT_EQ((*stream)->process().id, 7);
  ASSERT_EQ(inside.agent.attached.size(), 1u);
  EXPECT_EQ(inside.agent.attached[0].to, incarnation_of(sandbox, inside.world->installation));
  EXPECT_EQ(inside.agent.attached[0].command.cwd, sandbox.spec.workdir);
}

TEST(AttachedExecution, IsRefusedLikeAnyUseAndGivesItsPlaceBack) {
  Inside inside;
  const auto stopped = inside.world.a_sandbox_in(State::stopped);
  const auto running = inside.world.a_sandbox_in(State::running);
  const auto ask = [&](const Sandbox& sandbox) {
    return outcome(inside.execution.attach(inside.world.admin(), sandbox.resource.id.text, {.argv = {"make"}}));
  };

  for (int i = 0; i < 2 * Streams::limit; ++i) ASSERT_EQ(ask(stopped), "conflict state_stopped");
  inside.agent.attach_refused = Code::unavailable;
  for (int i = 0; i < 2 * Streams::limit; ++i) ASSERT_EQ(ask(running), "unavailable");
}

TEST(AttachedExecution, SaysWhyAStreamBreaksOff) {
  Inside inside;
  auto& world = inside.world;
  const auto sandbox = world.a_sandbox_in(State::running);
  auto stream = inside.execution.attach(world.admin(), sandbox.resource.id.text, {.argv = {"make"}});
  ASSERT_TRUE(stream);

  must(world->sandboxes.stop(world.admin(), sandbox.resource.id.text));
  inside.agent.streams.breaks_off = Code::unavailable;

  EXPECT_EQ(outcome((*stream)->next(1s)), "conflict state_stopping");
  stream->reset();
  EXPECT_EQ(inside.agent.streams.open, 0);
}

TEST(AttachedExecution, EndsWithAWordWhenTheServerStops) {
  Inside inside;
  const auto sandbox = inside.world.a_sandbox_in(State::running);
  const auto& id = sandbox.resource.id.text;
  const auto stream = inside.execution.attach(inside.world.admin(), id, {.argv = {"make"}});
  ASSERT_TRUE(stream);

  inside.execution.streams().stop();

  EXPECT_EQ(inside.agent.streams.cancelled, 1);
  EXPECT_EQ(outcome((*stream)->next(1s)), "unavailable stopping");
  EXPECT_EQ(outcome(inside.execution.attach(inside.world.admin(), id, {.argv = {"make"}})), "unavailable stopping");
  inside.run(id);
  EXPECT_EQ(inside.answer, "unavailable stopping");
}

TEST(Streams, AKeyTakesAThirdAndThereIsOneForEachNewKey) {
  Streams streams;
  std::vector<std::shared_ptr<Streams::Place>> held;
  const auto take_all = [&](const std::string& key) {
    int taken = 0;
    for (auto place = streams.take(with_key({}, key)); place; place = streams.take(with_key({}, key)), ++taken)
      held.push_back(std::move(*place));
    return taken;
  };

  EXPECT_EQ(take_all("greedy"), 43);
  EXPECT_EQ(outcome(streams.take(with_key({}, "greedy"))), "exhausted too_many_streams");
  for (const auto* key : {"second", "third", "fourth", "fifth", "sixth", "seventh"}) EXPECT_GE(take_all(key), 1) << key;
  held.clear();
  EXPECT_EQ(take_all("greedy"), 43) << "all places were given back";
}

}  // namespace
}  // namespace mayfly
