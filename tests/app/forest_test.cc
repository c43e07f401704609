// What lies in what, from its making to its purge: the trash, holds, plans, and deletes of whole trees.

#include "app/forest.h"

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

using namespace std::chrono_literals;

class ForestStory : public ::testing::Test {
 protected:
  ForestStory() {
    boss = world.admin();
    boss.user = must(world.store.read([](Transaction& t) { return t.identities().find_user("admin"); }))->id;
    team = must(world->workspaces.create(boss, "team", false)).resource;
    in_team = boss;
    in_team.workspace = team.id;
  }

  Entry app(const std::string& name = "Notes") {
    return must(world->forest.create(in_team, Kind::app, {.name = name}));
  }
  Entry element(const Entry& in, const std::string& name = "first") {
    return must(world->forest.create(in_team, Kind::element,
                                     {.name = name, .content = R"({"text":"hello"})", .app = in.resource.id.text}));
  }
  Volume database(const std::string& name = "orders") {
    return must(world->volumes.create(in_team, {.name = name, .size_mb = 8, .kind = Kind::database}));
  }
  Sandbox sandbox(const std::string& name, std::vector<VolumeMount> mounts = {}) {
    NewSandbox wish;
    wish.name = name;
    wish.spec.image = "busybox";
    wish.image_given = true;
    wish.mounts = std::move(mounts);
    const auto made = must(world->sandboxes.create(in_team, wish));
    world.run_workers();
    return world.row(made);
  }
  static VolumeMount at(const Volume& volume) {
    return {volume.resource.id, "/data", false, volume.resource.kind};
  }
  Result<Trash::Done> remove(Kind kind, const ResourceId& id, const Trash::Wish& wish = {}) {
    return world->trash.remove(boss, kind, id.text, wish);
  }
  Result<Trash::Done> remove_here(Kind kind, const ResourceId& id, const Trash::Wish& wish = {}) {
    return world->trash.remove(in_team, kind, id.text, wish);
  }
  Resource row(const ResourceId& id) {
    return must(world.store.read([&](Transaction& t) { return t.resources().get(id); }));
  }
  std::string state_of(const ResourceId& id) { return std::string(name(row(id).state)); }
  static std::string refusal(const Error& error) { return std::string(name(error.code)) + " " + error.reason; }
  template <class T>
  static std::string outcome(const Result<T>& result) {
    return result ? "fine" : refusal(result.error());
  }
  /// "delete_app completed, delete_element completed": everything below, steps left out, sorted.
  std::string below(const TaskId& root) {
    std::vector<std::string> words;
    for (const auto& task : must(world.store.read([&](Transaction& t) { return t.tasks().tree(root); })))
      if (resource_level(task.verb))
        words.push_back(std::string(name(task.verb)) + " " + std::string(name(task.phase)));
    std::sort(words.begin(), words.end());
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
  }

  World world;
  Resource team;
  Caller boss, in_team;
};

TEST_F(ForestStory, AWorkspaceGoesWithAllThatLiesInIt) {
  const auto notes = app();
  const auto first = element(notes), second = element(notes, "second");
  const auto orders = database();
  const auto kept = must(world->volumes.create(in_team, {.name = "kept"}));
  const auto box = sandbox("box", {at(orders)});

  const auto task = must(remove(Kind::workspace, team.id, {.purge = true})).task;
  EXPECT_EQ(world.steps_of(task), "empty_workspace ready, confirm_workspace waiting, forget_workspace waiting");
  EXPECT_EQ(state_of(team.id), "deleting");
  world.let_pass(1h);

  for (const auto& id : {team.id, notes.resource.id, first.resource.id, second.resource.id, orders.resource.id,
                         kept.resource.id, box.resource.id})
    EXPECT_EQ(state_of(id), "gone") << id.text;
  EXPECT_EQ(below(task),
            "delete_app completed, delete_database completed, delete_element completed, delete_element completed, "
            "delete_sandbox completed, delete_volume completed, delete_workspace completed");
  EXPECT_TRUE(world.host.layers.empty());
  EXPECT_TRUE(world.archives_of(box).empty()) << "what goes with its workspace has nowhere to be kept";
  const auto tree = must(world->cleanups.tree(world.admin(), task));
  EXPECT_EQ(tree.front().id, task);
  for (const auto& one : tree) EXPECT_EQ(one.root, task);
}

TEST_F(ForestStory, AnArchiveThatADeleteRestsOnGoesAfterWhatItIsOf) {
  const auto box = sandbox("box");
  world.write_files(box, "work");
  world.driver.fail_next("discard", Code::busy, 2);
  must(world->sandboxes.remove(in_team, "box", {}));
  world.run_workers();
  const auto kept = world.archives_of(box);
  ASSERT_EQ(kept.size(), 1u);

  const auto task = must(remove(Kind::workspace, team.id, {.purge = true})).task;
  world.run_workers();
  EXPECT_EQ(state_of(box.resource.id), "deleting");
  EXPECT_EQ(state_of(kept.front().resource.id), "active") << "it is all that is left of it";
  world.let_pass(1h);

  EXPECT_EQ(state_of(box.resource.id), "gone");
  EXPECT_EQ(state_of(kept.front().resource.id), "gone");
  EXPECT_EQ(world.row(task).phase, Phase::completed);
}

TEST_F(ForestStory, AParentEndsAfterItsChildrenAndAFailedOneStopsNobodyElse) {
  const auto notes = app();
  const auto first = element(notes);
  const auto stays = sandbox("stays"), goes = sandbox("goes");
  world.driver.fail_next("kill", Code::invalid);

  const auto task = must(remove(Kind::workspace, team.id, {.purge = true})).task;
  world.let_pass(1h);

  EXPECT_EQ(world.row(task).phase, Phase::failed);
  EXPECT_EQ(world.row(task).work.error_code, "child_failed");
  EXPECT_EQ(state_of(first.resource.id), "gone");
  EXPECT_EQ(state_of(notes.resource.id), "gone");
  EXPECT_EQ((state_of(stays.resource.id) == "gone") + (state_of(goes.resource.id) == "gone"), 1);
  EXPECT_EQ(state_of(team.id), "deleting");

  must(world->cleanups.retry(world.admin(), task));
  world.let_pass(1h);

  EXPECT_EQ(world.row(task).phase, Phase::completed);
  EXPECT_EQ(state_of(team.id), "gone");
}

TEST_F(ForestStory, NothingIsBornUnderAParentThatGoes) {
  const auto notes = app();
  must(remove_here(Kind::app, notes.resource.id));
  EXPECT_EQ(outcome(world->forest.create(in_team, Kind::element, {.name = "late", .content = "{}",
                                                                  .app = notes.resource.id.text})),
            "conflict parent_trashed");
  must(remove(Kind::workspace, team.id, {.purge = true}));

  EXPECT_EQ(outcome(world->forest.create(in_team, Kind::app, {.name = "late"})), "conflict parent_deleting");
  EXPECT_EQ(outcome(world->volumes.create(in_team, {.name = "late"})), "conflict parent_deleting");
  NewSandbox wish;
  wish.spec.image = "busybox";
  const auto late = world->sandboxes.create(in_team, wish);
  EXPECT_EQ(outcome(late), "conflict parent_deleting");
  EXPECT_NE(late.error().message.find(team.id.text), std::string::npos) << late.error().message;
}

TEST_F(ForestStory, WhatIsInTheTrashIsHiddenAndComesBackWhole) {
  const auto notes = app();
  const auto first = element(notes);
  const auto done = must(remove_here(Kind::app, notes.resource.id, {.tier = Tier::medium}));
  EXPECT_FALSE(done.task) << "no tree";
  ASSERT_TRUE(done.entry.trashed);
  EXPECT_EQ(done.entry.trashed->purge_at, *done.entry.resource.deleted_at + 30 * 24h);
  EXPECT_EQ(outcome(world->forest.get(in_team, Kind::element, first.resource.id.text)), "not_found element_not_found");
  EXPECT_EQ(state_of(first.resource.id), "active") << "hidden by what it lies in, at no cost of its own";
  EXPECT_EQ(must(world->forest.get(in_team, Kind::app, notes.resource.id.text)).resource.state, State::trashed);
  must(world->forest.create(in_team, Kind::app, {.name = "Notes"}));
  EXPECT_EQ(outcome(world->trash.restore(in_team, Kind::app, notes.resource.id.text)), "conflict name_taken");
  EXPECT_EQ(must(remove_here(Kind::app, notes.resource.id, {.tier = Tier::lasting})).entry.trashed->tier, Tier::medium)
      << "fixed by the first delete";

  const auto other = must(world->forest.create(in_team, Kind::app, {.name = "Other"}));
  const auto inside = element(other);
  must(remove_here(Kind::element, inside.resource.id));
  must(remove_here(Kind::app, other.resource.id));
  EXPECT_EQ(outcome(world->trash.restore(in_team, Kind::element, inside.resource.id.text)),
            "not_found element_not_found");
  must(world->trash.restore(in_team, Kind::app, other.resource.id.text));
  const auto back = must(world->trash.restore(in_team, Kind::element, inside.resource.id.text));
  EXPECT_EQ(back.content, R"({"text":"hello"})");
  EXPECT_FALSE(back.resource.deleted_at);
  EXPECT_EQ(outcome(world->trash.restore(in_team, Kind::element, inside.resource.id.text)), "conflict not_deleted");
  EXPECT_EQ(world.story_of(inside.resource.id), "element.created element.deleted element.restored");
}

TEST_F(ForestStory, APurgeIsTheDeadlineOfTheTrash) {
  const auto notes = app();
  const auto first = element(notes);
  const auto orders = database();
  must(remove_here(Kind::app, notes.resource.id));
  must(remove_here(Kind::database, orders.resource.id, {.tier = Tier::none}));

  world.let_pass(7 * 24h - 1min);
  EXPECT_EQ(state_of(notes.resource.id), "trashed");
  world.let_pass(2min);

  EXPECT_EQ(state_of(notes.resource.id), "gone");
  EXPECT_EQ(state_of(first.resource.id), "gone");
  EXPECT_EQ(world.last_event(notes.resource.id, "app.delete_accepted").actor, "system:deadline");
  world.let_pass(200 * 24h);
  EXPECT_EQ(state_of(orders.resource.id), "trashed") << "kept without an end";
  EXPECT_EQ(outcome(remove_here(Kind::database, orders.resource.id, {.purge = true})), "conflict retention_none");
  const auto emptied = must(world->trash.empty(in_team));
  EXPECT_EQ(emptied.purged, 0u);
  EXPECT_EQ(emptied.failed, 1u);
}

TEST_F(ForestStory, AWorkspaceComesBackFromTheTrashWithItsSandboxesStopped) {
  const auto notes = app();
  const auto orders = database();
  const auto box = sandbox("box", {at(orders)});
  world.write_files(box, "what was in it");
  must(remove(Kind::workspace, team.id, {.tier = Tier::medium}));
  EXPECT_EQ(outcome(world->workspaces.get(boss, "team")), "not_found workspace_not_found");
  must(world->trash.run_once());
  world.run_workers();
  EXPECT_EQ(world.state_of(box), "stopped");

  // Its own retention of 7 days is over by then, and nobody could have started it.
  world.let_pass(20 * 24h);
  EXPECT_EQ(world.state_of(box), "stopped");
  const auto back = must(world->trash.restore(boss, Kind::workspace, team.id.text));
  EXPECT_EQ(back.resource.name, "team");
  must(world->trash.run_once());
  world.let_pass(6 * 24h);

  EXPECT_EQ(world.state_of(box), "stopped") << "its retention began anew";
  EXPECT_EQ(world.files_of(box), "what was in it");
  EXPECT_EQ(must(world->forest.get(in_team, Kind::app, notes.resource.id.text)).resource.name, "Notes");
  must(world->sandboxes.start(in_team, "box"));
  world.run_workers();
  EXPECT_EQ(world.state_of(box), "running");
  must(world->trash.run_once());
  world.run_workers();
  EXPECT_EQ(world.state_of(box), "running") << "the trash has let go of it";
}

TEST_F(ForestStory, ARestoreStopsWhatRanWhenItsWorkspaceWentAndNothingElse) {
  const auto box = sandbox("box");
  must(remove(Kind::workspace, team.id));
  must(world->trash.restore(boss, Kind::workspace, team.id.text));
  const auto fresh = sandbox("fresh");
  must(world->trash.run_once());
  world.run_workers();

  EXPECT_EQ(world.state_of(box), "stopped");
  EXPECT_EQ(world.state_of(fresh), "running");
  must(remove(Kind::workspace, team.id));
  must(world->trash.run_once());
  world.run_workers();
  must(world->trash.restore(boss, Kind::workspace, team.id.text));
  must(world->sandboxes.start(in_team, "fresh"));
  must(world->trash.run_once());
  world.run_workers();
  EXPECT_EQ(world.state_of(fresh), "running") << "asked for before the trash let go of it";
}

TEST_F(ForestStory, AHeldLeafKeepsWhateverItLiesIn) {
  const auto notes = app();
  const auto first = element(notes);
  const auto box = sandbox("box");
  const auto hold = must(world->holds.make(in_team, first.resource.id.text, "audit 17", std::nullopt));

  const auto refused = remove(Kind::workspace, team.id);
  EXPECT_EQ(outcome(refused), "conflict held");
  for (const auto& part : {hold.id.text, first.resource.id.text, std::string("audit 17"), std::string("user:admin")})
    EXPECT_NE(refused.error().message.find(part), std::string::npos) << refused.error().message;
  EXPECT_EQ(outcome(remove(Kind::workspace, team.id, {.purge = true})), "conflict held");
  EXPECT_EQ(outcome(remove_here(Kind::app, notes.resource.id)), "conflict held");
  EXPECT_EQ(outcome(remove_here(Kind::element, first.resource.id)), "conflict held");
  must(world->sandboxes.remove(in_team, box.resource.id.text, {}));

  auto stranger = in_team;
  stranger.role = Role::member;
  stranger.actor = "user:bob";
  EXPECT_EQ(outcome(world->holds.end(stranger, hold.id.text)), "denied not_the_owner");
  must(world->holds.end(in_team, hold.id.text));
  must(remove(Kind::workspace, team.id));
}

TEST_F(ForestStory, ADeadlineWaitsForAHold) {
  const auto box = world.a_running_sandbox({.lifetime = age_of(1h)});
  must(world->holds.make(world.admin(), box.resource.id.text, "evidence",
                         wall_time(microseconds(world.clock.wall() + 3h))));
  world.let_pass(2h);
  EXPECT_EQ(world.state_of(box), "running");

  world.let_pass(2h);
  EXPECT_EQ(world.state_of(box), "gone") << "the hold is over";
}

TEST_F(ForestStory, ADatabaseThatIsMountedWaitsAndItsTaskNamesTheSandbox) {
  const auto orders = database();
  const auto box = sandbox("reader", {at(orders)});
  const auto task = must(remove_here(Kind::database, orders.resource.id, {.purge = true})).task;
  world.run_workers();

  const auto step = world.step(task, Verb::destroy_database);
  EXPECT_NE(step.work.last_error.find("reader"), std::string::npos) << step.work.last_error;
  EXPECT_NE(step.work.last_error.find(box.resource.id.text), std::string::npos);
  EXPECT_EQ(status_of(world.row(task).phase), TaskStatus::in_progress);

  must(world->sandboxes.remove(in_team, "reader", {.policy = {.archive = false}}));
  world.let_pass(1h);
  EXPECT_EQ(state_of(orders.resource.id), "gone");
  EXPECT_EQ(world.row(task).phase, Phase::completed);
}

TEST_F(ForestStory, APlanIsConfirmedByItsEtagAlone) {
  const auto notes = app();
  element(notes);
  const auto orders = database();
  sandbox("box", {at(orders)});
  const auto plan = must(world->forest.plan(boss, team.id.text));
  std::string kinds;
  for (const auto& one : plan.kinds)
    kinds += std::string(describe(one.kind).name) + " " + std::to_string(one.count) + ", ";
  EXPECT_EQ(kinds, "workspace 1, sandbox 1, app 1, element 1, database 1, ");
  EXPECT_TRUE(plan.holds.empty());
  EXPECT_TRUE(plan.blockers.empty()) << plan.blockers.front().text;
  const auto mounted = must(world->forest.plan(in_team, orders.resource.id.text));
  ASSERT_EQ(mounted.blockers.size(), 1u);
  EXPECT_NE(mounted.blockers[0].text.find("box"), std::string::npos);

  element(notes, "one more");
  EXPECT_EQ(outcome(remove(Kind::workspace, team.id, {.purge = true, .plan = plan.etag})), "conflict plan_changed");
  const auto again = must(world->forest.plan(boss, team.id.text));
  EXPECT_NE(again.etag, plan.etag);
  must(remove(Kind::workspace, team.id, {.purge = true, .plan = again.etag}));
  world.let_pass(1h);
  EXPECT_EQ(state_of(team.id), "gone");
}

TEST_F(ForestStory, AWaitingDeleteOfItsOwnIsWaitedFor) {
  const auto box = sandbox("box");
  world.driver.fail_next("kill", Code::busy, 3);
  const auto own = must(world->sandboxes.remove(in_team, "box", {.policy = {.archive = false}})).task;
  const auto task = must(remove(Kind::workspace, team.id, {.purge = true})).task;
  world.run_workers();
  EXPECT_NE(world.row(task).phase, Phase::completed);
  world.let_pass(1h);

  EXPECT_EQ(world.row(own).phase, Phase::completed);
  EXPECT_EQ(world.row(own).root, own);
  EXPECT_EQ(world.row(task).phase, Phase::completed);
}

TEST_F(ForestStory, ManyChildrenAreDeletedInBoundedBatches) {
  const auto notes = app();
  for (int i = 0; i < 300; ++i) element(notes, "element " + std::to_string(i));
  const int before = world.commits;
  const auto task = must(remove_here(Kind::app, notes.resource.id, {.purge = true})).task;
  world.let_pass(1h);

  EXPECT_EQ(world.row(task).phase, Phase::completed);
  EXPECT_EQ(must(world.store.read([&](Transaction& t) {
              return t.resources().in(notes.resource.id, Kind::element, "", 1000);
            })).size(), 0u);
  EXPECT_GT(world.commits - before, 6) << "in pages";
}

TEST_F(ForestStory, ADeathInTheMiddleOfEmptyingLosesAndRepeatsNothing) {
  const auto notes = app();
  for (int i = 0; i < 120; ++i) element(notes, "element " + std::to_string(i));
  const auto task = must(remove_here(Kind::app, notes.resource.id, {.purge = true})).task;
  int allowed = 2;   // its claim and its first batch
  world.store.before_commit([&]() -> Fate {
    if (allowed-- > 0) return {};
    return {Fate::refuse, {Code::no_space, "the disk is full", {}, {}}};
  });
  (void)world->worker.run_once(Lane::fast);
  world.store.before_commit([] { return Fate{}; });
  world.restart();
  world.let_pass(1h);

  EXPECT_EQ(world.row(task).phase, Phase::completed);
  std::size_t deletes = 0;
  for (const auto& one : must(world.store.read([&](Transaction& t) { return t.tasks().tree(task); })))
    deletes += one.verb == Verb::delete_element;
  EXPECT_EQ(deletes, 120u);
}

TEST_F(ForestStory, TheDefaultWorkspaceStays) {
  const auto& home = world->installation.workspace;
  EXPECT_EQ(outcome(remove(Kind::workspace, home)), "conflict workspace_default");
  EXPECT_EQ(outcome(remove(Kind::workspace, home, {.purge = true})), "conflict workspace_default");
}

TEST_F(ForestStory, WhatIsElsewhereIsLikeWhatNeverWas) {
  const auto notes = app();
  auto stranger = world.caller(Role::member);
  EXPECT_EQ(outcome(world->forest.get(stranger, Kind::app, notes.resource.id.text)), "not_found app_not_found");
  EXPECT_EQ(outcome(world->trash.remove(stranger, Kind::app, notes.resource.id.text, {})), "not_found app_not_found");
  EXPECT_EQ(outcome(world->holds.make(stranger, notes.resource.id.text, "mine", std::nullopt)),
            "not_found resource_not_found");
  EXPECT_EQ(outcome(world->forest.plan(stranger, notes.resource.id.text)), "not_found app_not_found");
  EXPECT_EQ(outcome(world->forest.get(in_team, Kind::element, notes.resource.id.text)), "not_found element_not_found");
}

TEST_F(ForestStory, EveryEventTellsWhatCausedIt) {
  const auto notes = app();
  const auto first = element(notes);
  must(remove_here(Kind::app, notes.resource.id, {.purge = true}));
  world.let_pass(1h);

  const auto cause = world.last_event(notes.resource.id, "app.delete_accepted");
  const auto effect = world.last_event(first.resource.id, "element.delete_accepted");
  EXPECT_EQ(effect.parent, cause.id);
  EXPECT_EQ(world.last_event(notes.resource.id, "cleanup.completed").parent, cause.id);
  EXPECT_EQ(cause.user, in_team.user);
}

}  // namespace
}  // namespace mayfly
