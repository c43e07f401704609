// Dispatch over rows: who is served when, what is held up, and what shares a commit. The effects are scripted.

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

struct ScriptedEffects final : Effects {
  std::vector<Task> performed;
  std::function<Status(const Task&)> answer = [](const Task&) { return Status(); };

  Result<Commit> perform(const Task& task) override {
    performed.push_back(task);
    if (auto done = answer(task); !done) return tl::unexpected(done.error());
    return Commit([](Transaction&) { return Status(); });
  }
  Commit record_only(const Task&) const override { return {}; }
};

/// A server whose tasks do nothing, by themselves and in trees.
struct Queue {
  explicit Queue(const dispatch::Rules& rules = {}) : dispatcher(rules, world.chance) {}

  TaskId plant(const std::string& workspace, Verb verb = Verb::stop_sandbox, Priority priority = Priority::user) {
    Task task;
    task.id = task.root = {"clt_" + number(++planted)};
    task.verb = verb;
    task.resource = {std::string(describe(kind_of(verb)).prefix) + number(planted)};
    task.workspace = {"wsp_" + workspace};
    task.priority = priority;
    task.phase = Phase::ready;
    task.created_at = world.clock.now();
    task.work.next_attempt_at = world.clock.now();
    must(world.store.write([&](Transaction& t) { return t.tasks().insert(task); }));
    return task.id;
  }
  void plant_many(int tasks, const std::string& workspace) {
    for (int i = 0; i < tasks; ++i) plant(workspace);
  }
  static std::string number(int n) {
    const auto digits = std::to_string(n);
    return std::string(32 - digits.size(), '0') + digits;
  }
  std::optional<Time> run(Lane lane = Lane::fast) { return must(worker.run_once(lane)); }
  /// The workspaces of what was done, in that order, a letter each.
  std::string order() const {
    std::string text;
    for (const auto& task : effects.performed) text += task.workspace.text.back();
    return text;
  }
  std::string phase(const TaskId& id) { return std::string(name(world.row(id).phase)); }

  World world;
  ScriptedEffects effects;
  Dispatcher dispatcher;
  Worker worker{world.store,  effects,          world->transitions, dispatcher, world->locks,
                world.chance, world.clock, world->installation};
  CleanupControl control{world.store, dispatcher, world.chance, world.clock};
  int planted = 0;
};

TEST(Dispatch, OneTaskOfAQuietWorkspaceIsNotBehindAHundredOfABusyOne) {
  Queue queue;
  queue.plant_many(100, "busy");
  queue.plant("quiet");

  queue.run();

  const auto order = queue.order();
  EXPECT_EQ(order.size(), 101u);
  EXPECT_LE(order.find('t'), 8u) << order;
}

TEST(Dispatch, QuickWorkSharesCommitsAndSlowWorkDoesNot) {
  Queue quick, slow;
  slow.effects.answer = [&](const Task&) {
    slow.world.clock.advance(5ms);
    return Status();
  };
  for (auto* queue : {&quick, &slow}) queue->plant_many(200, "w");
  const int before_quick = quick.world.commits, before_slow = slow.world.commits;

  quick.run();
  slow.run();

  EXPECT_LT(quick.world.commits - before_quick, 20) << "claims and results go in batches that grow";
  EXPECT_EQ(slow.world.commits - before_slow, 201) << "one result a commit, with the next claim in it";
}

TEST(Dispatch, WhatAPersonWaitsForComesFirstAndNothingWaitsForEver) {
  Queue queue;
  for (int i = 0; i < 20; ++i) queue.plant("w", Verb::stop_sandbox, Priority::orphan);
  for (int i = 0; i < 20; ++i) queue.plant("w", Verb::stop_sandbox, Priority::user);
  queue.effects.answer = [&](const Task&) {
    queue.world.clock.advance(5ms);
    return Status();
  };

  queue.run();

  int users_first = 0, orphans_before_the_last_user = 0, users = 0;
  for (const auto& task : queue.effects.performed) {
    if (task.priority == Priority::user) ++users;
    else if (users < 20) ++orphans_before_the_last_user;
    if (task.priority == Priority::user && orphans_before_the_last_user == 0) ++users_first;
  }
  EXPECT_GE(users_first, 7);
  EXPECT_GE(orphans_before_the_last_user, 1) << "one turn of eight is theirs";
}

TEST(Dispatch, CapsHoldAcrossEverythingThatIsInWork) {
  dispatch::Rules rules;
  rules.caps.per_workspace = 2;
  Queue queue(rules);
  for (int i = 0; i < 10; ++i) queue.plant("a");
  std::size_t most = 0;
  queue.effects.answer = [&](const Task& task) {
    const auto claimed = must(queue.world.store.read([&](Transaction& t) { return t.tasks().claimed(); }));
    for (const auto& tasks : claimed)
      if (tasks.workspace == task.workspace) most = std::max(most, static_cast<std::size_t>(tasks.count));
    return Status();
  };

  queue.run();

  EXPECT_EQ(queue.effects.performed.size(), 10u) << "the cap delays, and forgets nothing";
  EXPECT_EQ(most, 2u);
}

TEST(Dispatch, PausedWorkWaitsOverARestartUntilItIsResumed) {
  Queue queue;
  const auto admin = queue.world.admin();
  must(queue.control.pause(admin, {}, "upgrade"));
  const auto id = queue.plant("w");
  EXPECT_EQ(queue.run(), std::nullopt) << "nothing will be due by itself";
  queue.world.restart();
  EXPECT_EQ(queue.phase(id), "ready");
  EXPECT_EQ(must(queue.control.pauses(admin)).at(0).reason, "upgrade");
  EXPECT_EQ(outcome(queue.control.resume(admin, {.kind = Kind::volume})), "not_found not_paused");

  must(queue.control.resume(admin, {}));
  queue.run();

  EXPECT_EQ(queue.phase(id), "completed");
  EXPECT_EQ(outcome(queue.control.resume(admin, {})), "not_found not_paused");
}

TEST(Dispatch, APauseOfOneWorkspaceOrKindHoldsNobodyElseUp) {
  Queue queue;
  const auto other = must(queue.world.store.write([&](Transaction& t) -> Result<ResourceId> {
    Workspace workspace;
    workspace.resource.id = {"wsp_" + Queue::number(1)};
    workspace.resource.kind = Kind::workspace;
    workspace.resource.name = "other";
    TRY(t.identities().insert_workspace(workspace));
    return workspace.resource.id;
  }));
  const auto admin = queue.world.admin();
  must(queue.control.pause(admin, {.workspace = "other"}, "look first"));
  must(queue.control.pause(admin, {.kind = Kind::volume}, "disk is being moved"));
  const auto held = queue.plant(other.text.substr(4)), volume = queue.plant("a", Verb::destroy_volume),
             free = queue.plant("a");

  queue.run();

  EXPECT_EQ(queue.phase(held), "ready");
  EXPECT_EQ(queue.phase(volume), "ready");
  EXPECT_EQ(queue.phase(free), "completed");
  EXPECT_EQ(outcome(queue.control.pause(admin, {.workspace = "none"}, "?")), "not_found workspace_not_found");
  EXPECT_EQ(outcome(queue.control.pause(queue.world.caller(Role::member), {}, "?")), "denied role_too_low");
  const auto seen = must(queue.control.pauses(queue.world.caller(Role::reader)));
  EXPECT_EQ(seen.size(), 1u) << "not that of a workspace of others";
}

TEST(Dispatch, APartThatIsDownIsProbedAndNotAskedAgainAndAgain) {
  Queue queue;
  bool down = true;
  queue.effects.answer = [&](const Task&) { return down ? Status(fail(Code::unavailable, "no answer")) : Status(); };
  for (int i = 0; i < 50; ++i) queue.plant("w");
  const auto image = queue.plant("w", Verb::confirm_image);
  down = true;

  auto next = queue.run();
  const auto asked = queue.effects.performed.size();
  EXPECT_LT(asked, 20u) << "fifty would be too many";
  ASSERT_TRUE(next);
  for (int i = 0; i < 5; ++i) {
    queue.world.clock.advance(std::max(*next - queue.world.clock.now(), Duration(1)));
    next = queue.run();
    ASSERT_TRUE(next);
  }
  EXPECT_LE(queue.effects.performed.size(), asked + 6) << "one probe at a time";
  EXPECT_EQ(queue.control.parts().at(0).breaker.state(), dispatch::Breaker::State::open);

  down = false;
  for (int i = 0; i < 100 && next; ++i) {
    queue.world.clock.advance(std::max(*next - queue.world.clock.now(), Duration(1)));
    next = queue.run();
  }
  EXPECT_EQ(queue.control.parts().at(0).breaker.state(), dispatch::Breaker::State::closed);
  EXPECT_EQ(queue.phase(image), "completed");
  const auto counts = must(queue.world.store.read([](Transaction& t) { return t.tasks().claimed(); }));
  EXPECT_TRUE(counts.empty());
}

TEST(Dispatch, TooManyDeletesOfOneWorkspaceAtOnceAreStoppedUntilAnAdminSaysSo) {
  World world;
  dispatch::Rules rules;
  rules.blast = {.least = 4, .percent = 50};
  Dispatcher dispatcher(rules, world.chance);
  Worker worker(world.store, world->steps, world->transitions, dispatcher, world->locks, world.chance, world.clock,
                world->installation);
  CleanupControl control(world.store, dispatcher, world.chance, world.clock);
  std::vector<Sandbox> sandboxes;
  for (int i = 0; i < 6; ++i) sandboxes.push_back(world.a_running_sandbox());
  for (int i = 0; i < 5; ++i) world.remove(sandboxes[static_cast<std::size_t>(i)], {.archive = false});

  must(worker.run_once(Lane::fast));

  for (int i = 0; i < 5; ++i) EXPECT_TRUE(world.runs(sandboxes[static_cast<std::size_t>(i)])) << "nothing was done yet";
  const auto pauses = must(control.pauses(world.admin()));
  ASSERT_EQ(pauses.size(), 1u);
  EXPECT_TRUE(pauses[0].tripped);
  EXPECT_NE(pauses[0].reason.find("5 deletes"), std::string::npos) << pauses[0].reason;
  EXPECT_EQ(world.last_event(world->installation.workspace, "cleanup.blast_stopped").data.at("open"), "5");

  must(control.resume(world.admin(), {.workspace = "default"}));
  for (int i = 0; i < 50; ++i) {
    must(worker.run_once(Lane::fast));
    world.clock.advance(10ms);
  }
  for (int i = 0; i < 5; ++i) EXPECT_EQ(world.state_of(sandboxes[static_cast<std::size_t>(i)]), "gone");
  EXPECT_TRUE(world.runs(sandboxes[5]));
}

TEST(Dispatch, AResultOfAnEarlierClaimOfTheSameLifeIsDropped) {
  Queue queue;
  const auto id = queue.plant("w");
  queue.effects.answer = [&](const Task&) {
    // Somebody has taken it up anew meanwhile: the same epoch, the next number.
    auto row = queue.world.row(id);
    row.work.attempts += 1;
    must(queue.world.store.write([&](Transaction& t) { return t.tasks().update(row); }));
    return Status();
  };

  queue.run();

  EXPECT_EQ(queue.phase(id), "running") << "it is the other's to record";
  EXPECT_EQ(queue.worker.counters.zombies, 1u);
}

}  // namespace
}  // namespace mayfly
