// What the end of one task means for the rest of its tree. The trees of today have one step a stage; the rules hold for
// any number, and here they are given some.

#include <gtest/gtest.h>

#include "app/cleanup_tree.h"
#include "support/given.h"

namespace mayfly {
namespace {

/// A hand-made tree: tasks are named by a letter and know their stage.
struct Tree {
  World world;
  std::map<char, TaskId> ids;

  void plant(char name, char parent, int stage, Phase phase) {
    Task task;
    task.id = {"clt_" + std::string(31, '0') + name};
    if (parent) task.parent = ids.at(parent);
    task.root = parent ? root_of(parent) : task.id;
    task.verb = phase == Phase::children ? Verb::delete_sandbox : Verb::stop_sandbox;
    task.stage = stage;
    task.resource = {"sbx_" + std::string(32, '1')};
    task.workspace = world->installation.workspace;
    task.phase = phase;
    if (phase == Phase::ready) task.work.next_attempt_at = world.clock.now();
    ids[name] = task.id;
    must(world.store.write([&](Transaction& t) { return t.tasks().insert(task); }));
  }

  TaskId root_of(char name) { return world.row(ids.at(name)).root; }

  /// One more attempt at it ends so.
  void ends(char name, const Status& outcome, int attempts = 1) {
    must(world.store.write([&](Transaction& t) -> Status {
      Task task = TRY(t.tasks().get(ids.at(name)));
      task.work.attempts = attempts;
      return cleanup_tree::settle(t, world.chance, cleanup::record(std::move(task), outcome, t.now(), 0.5));
    }));
  }

  std::string retry(char name) {
    return outcome(world.store.write([&](Transaction& t) -> Status {
      return cleanup_tree::retry(t, TRY(t.tasks().get(ids.at(name))));
    }));
  }

  /// "A children, B completed, ..."
  std::string phases() {
    std::string line;
    for (const auto& [letter, id] : ids)
      line += (line.empty() ? "" : ", ") + std::string(1, letter) + " " + std::string(name(world.row(id).phase));
    return line;
  }

  Task at(char name) { return world.row(ids.at(name)); }
};

/// A root, two steps of the first stage and one of the second.
void plant_two_stages(Tree& tree) {
  tree.plant('A', 0, 0, Phase::children);
  tree.plant('B', 'A', 1, Phase::ready);
  tree.plant('C', 'A', 1, Phase::ready);
  tree.plant('D', 'A', 2, Phase::waiting);
}

const Status done;
Status broken(const std::string& what = "cannot remove cgroup /x") { return fail(Code::internal, what); }
Status busy() { return fail(Code::busy, "in use"); }

TEST(CleanupTree, ReleasesAStageWhenAllOfTheOneBeforeIsDone) {
  Tree tree;
  plant_two_stages(tree);

  tree.ends('B', done);
  EXPECT_EQ(tree.phases(), "A children, B completed, C ready, D waiting");

  tree.ends('C', done);
  EXPECT_EQ(tree.phases(), "A children, B completed, C completed, D ready");
  EXPECT_TRUE(tree.at('D').work.next_attempt_at) << "for a worker to find";
}

TEST(CleanupTree, CompletesTheParentAfterItsLastChild) {
  Tree tree;
  plant_two_stages(tree);
  tree.ends('B', done);
  tree.ends('C', done);
  EXPECT_FALSE(tree.at('A').completed_at);

  tree.ends('D', done);

  EXPECT_EQ(tree.phases(), "A completed, B completed, C completed, D completed");
  EXPECT_GE(*tree.at('A').completed_at, *tree.at('D').completed_at);
  EXPECT_EQ(tree.world.last_event(tree.at('A').resource, "cleanup.completed").data.at("task"), tree.ids['A'].text);
}

TEST(CleanupTree, AFailureDoesNotStopTheSiblings) {
  Tree tree;
  plant_two_stages(tree);

  tree.ends('B', broken());
  EXPECT_EQ(tree.phases(), "A children, B failed, C ready, D waiting") << "C can still do its work";

  tree.ends('C', busy());
  EXPECT_EQ(tree.phases(), "A children, B failed, C backing_off, D waiting");
}

TEST(CleanupTree, AParentThatCanGetNoFurtherFailsAndNamesTheChild) {
  Tree tree;
  plant_two_stages(tree);
  tree.ends('B', broken());

  tree.ends('C', done);

  EXPECT_EQ(tree.phases(), "A failed, B failed, C completed, D waiting");
  EXPECT_EQ(tree.at('A').work.error_code, "child_failed");
  EXPECT_EQ(tree.at('A').work.last_error, "stop_sandbox " + tree.ids['B'].text + ": cannot remove cgroup /x");
  EXPECT_EQ(tree.world.last_event(tree.at('A').resource, "cleanup.failed").data.at("error"),
            tree.at('A').work.last_error);
}

TEST(CleanupTree, WhatIsStuckIsNotFailed) {
  Tree tree;
  plant_two_stages(tree);
  tree.ends('B', broken());

  tree.ends('C', busy(), 12);

  EXPECT_EQ(tree.phases(), "A children, B failed, C stuck, D waiting");
}

TEST(CleanupTree, FailureAndSuccessClimbThroughEveryLevel) {
  for (const bool fails : {true, false}) {
    Tree tree;
    tree.plant('A', 0, 0, Phase::children);
    tree.plant('B', 'A', 1, Phase::children);
    tree.plant('C', 'B', 1, Phase::ready);

    tree.ends('C', fails ? broken() : done);

    EXPECT_EQ(tree.phases(), fails ? "A failed, B failed, C failed" : "A completed, B completed, C completed");
    if (!fails) continue;
    EXPECT_NE(tree.at('A').work.last_error.find("cannot remove cgroup /x"), std::string::npos) << "the cause is named";
  }
}

TEST(CleanupTree, RetryOfALeafLetsItsAncestorsGoOn) {
  Tree tree;
  tree.plant('A', 0, 0, Phase::children);
  tree.plant('B', 'A', 1, Phase::children);
  tree.plant('C', 'B', 1, Phase::ready);
  tree.ends('C', broken());

  EXPECT_EQ(tree.retry('C'), "fine");
  EXPECT_EQ(tree.phases(), "A children, B children, C ready");
  EXPECT_TRUE(tree.at('A').work.last_error.empty());
  EXPECT_TRUE(tree.at('B').work.error_code.empty());

  tree.ends('C', done);
  EXPECT_EQ(tree.phases(), "A completed, B completed, C completed");
}

TEST(CleanupTree, RetryOfARootFindsEveryLeafThatWaits) {
  Tree tree;
  plant_two_stages(tree);
  tree.plant('E', 'A', 1, Phase::ready);
  tree.plant('F', 'A', 1, Phase::ready);
  tree.ends('B', broken());
  tree.ends('C', busy());
  tree.ends('E', busy(), 20);
  tree.ends('F', done);

  EXPECT_EQ(tree.retry('A'), "fine");

  EXPECT_EQ(tree.phases(), "A children, B ready, C ready, D waiting, E ready, F completed");
}

TEST(CleanupTree, RetryOfAFailedRootGoesOn) {
  Tree tree;
  plant_two_stages(tree);
  tree.ends('B', broken("first"));
  tree.ends('C', broken("second"));
  ASSERT_EQ(tree.phases(), "A failed, B failed, C failed, D waiting");

  EXPECT_EQ(tree.retry('A'), "fine");
  EXPECT_EQ(tree.phases(), "A children, B ready, C ready, D waiting");

  tree.ends('B', broken("again"));
  tree.ends('C', done);
  EXPECT_EQ(tree.phases(), "A failed, B failed, C completed, D waiting");
  EXPECT_NE(tree.at('A').work.last_error.find("again"), std::string::npos);
}

TEST(CleanupTree, ThereIsNothingToRetryInATreeThatWorksOrIsDone) {
  Tree tree;
  plant_two_stages(tree);

  for (const char name : {'A', 'B', 'D'}) EXPECT_EQ(tree.retry(name), "conflict task_not_failed") << name;
  tree.ends('B', done);
  tree.ends('C', done);
  tree.ends('D', done);
  for (const char name : {'A', 'B', 'D'}) EXPECT_EQ(tree.retry(name), "conflict task_not_failed") << name;
  EXPECT_EQ(tree.phases(), "A completed, B completed, C completed, D completed") << "completed stays completed";
}

TEST(Cleanups, ShowATreeParentsFirstAndARetryIsForAdmins) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  world.driver.fail_next("kill", Code::internal);
  const auto root = world.remove(sandbox);
  world.run_workers();
  ASSERT_EQ(world.row(root).phase, Phase::failed);

  const auto tree = must(world->cleanups.tree(world.caller(Role::reader), root));
  ASSERT_EQ(tree.size(), 6u);
  EXPECT_EQ(tree[0].id, root);
  EXPECT_EQ(must(world->cleanups.tree(world.admin(), tree[1].id)).size(), 1u) << "a leaf is a small tree";

  EXPECT_EQ(outcome(world->cleanups.retry(world.caller(Role::member), root)), "denied role_too_low");
  EXPECT_EQ(must(world->cleanups.retry(world.admin(), root)).phase, Phase::children);
  EXPECT_EQ(world.last_event(sandbox.resource.id, "cleanup.retried").actor, "user:admin");

  world.run_workers();
  EXPECT_EQ(world.state_of(sandbox), "gone");
}

TEST(Cleanups, ARetryGivesAnUnknownOutcomeItsTwelveTriesAgain) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  world.driver.fail_next("kill", Code::timed_out, 14);
  const auto root = world.remove(sandbox);
  world.let_pass(2h);
  ASSERT_EQ(world.row(root).phase, Phase::failed);

  must(world->cleanups.retry(world.admin(), root));
  world.let_pass(2h);

  EXPECT_EQ(world.row(root).phase, Phase::completed);
}

/// "completed" or another status once somebody who waits is answered; "" until then.
std::shared_ptr<std::string> a_caller_waits(World& world, const TaskId& task, Duration patience = 60s) {
  auto answer = std::make_shared<std::string>();
  world->cleanups.when_ended(world.admin(), task, patience, [answer](Result<Task> ended) {
    *answer = ended ? std::string(name(status_of(ended->phase))) : outcome(ended);
  });
  return answer;
}

TEST(Cleanups, AreWaitedForUntilTheyAreCompleted) {
  World world;
  const auto root = world.remove(world.a_running_sandbox());
  const auto answer = a_caller_waits(world, root);
  EXPECT_EQ(*answer, "");

  world.run_workers();

  EXPECT_EQ(*answer, "completed");
  EXPECT_EQ(world->waiting.size(), 0u);
  EXPECT_EQ(*a_caller_waits(world, root), "completed") << "what has ended is answered at once";
}

TEST(Cleanups, AFailureIsToldToThoseWhoWait) {
  World world;
  const auto root = world.remove(world.a_running_sandbox());
  world.driver.fail_next("kill", Code::internal);
  const auto answer = a_caller_waits(world, root);

  world.run_workers();

  EXPECT_EQ(*answer, "failed");
}

TEST(Cleanups, OfArchivesAreWaitedForToo) {
  World world;
  world.remove(world.a_running_sandbox());
  world.run_workers();
  const auto archives = must(world->archives.list(world.admin(), {}, {}));
  ASSERT_EQ(archives.size(), 1u);
  const auto answer =
      a_caller_waits(world, must(world->archives.remove(world.admin(), archives[0].resource.id.text)));

  world.run_workers();

  EXPECT_EQ(*answer, "completed");
}

TEST(Cleanups, AStepIsWaitedForAsWellAsAWholeTask) {
  World world;
  const auto root = world.remove(world.a_running_sandbox());
  const auto steps = must(world->cleanups.tree(world.admin(), root));
  const auto answer = a_caller_waits(world, steps.at(1).id);

  world.run_workers();

  EXPECT_EQ(*answer, "completed");
}

TEST(Cleanups, AreAnsweredAsTheyStandWhenPatienceEnds) {
  World world;
  const auto root = world.remove(world.a_running_sandbox());
  EXPECT_EQ(*a_caller_waits(world, root, 0s), "in_progress") << "nobody is parked for no time";
  const auto answer = a_caller_waits(world, root);

  world.clock.advance(60s);
  world->waiting.run_once(world.clock.now());

  EXPECT_EQ(*answer, "in_progress");
  EXPECT_EQ(*a_caller_waits(world, {"clt_none"}), "not_found cleanup_task_not_found");
}

TEST(Cleanups, OfAnotherWorkspaceAreNotThere) {
  World world;
  const auto root = world.remove(world.a_running_sandbox());
  auto stranger = world.admin();
  stranger.workspace = {"wsp_" + std::string(32, '7')};

  EXPECT_EQ(outcome(world->cleanups.get(stranger, root)), "not_found cleanup_task_not_found");
  EXPECT_EQ(outcome(world->cleanups.tree(stranger, root)), "not_found cleanup_task_not_found");
  EXPECT_EQ(outcome(world->cleanups.retry(stranger, root)), "not_found cleanup_task_not_found");
  EXPECT_TRUE(must(world->cleanups.list(stranger, {}, {})).empty());
  EXPECT_TRUE(must(world->cleanups.events(stranger, {}, {})).empty());
  EXPECT_EQ(must(world->cleanups.list(world.admin(), {}, {})).size(), 1u)
      << "resource-level tasks unless steps are asked for";
}

}  // namespace
}  // namespace mayfly
