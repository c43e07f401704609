#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

constexpr DeletePolicy without_archive{.archive = false};

TEST(Deletion, OneCommitMarksFreesTheNameTellsWhyAndPlantsTheTree) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "build", .lifetime = age_of(1h)});
  const int commits = world.commits;

  const auto root = world.remove(sandbox);

  EXPECT_EQ(world.commits, commits + 1);
  const auto row = world.row(sandbox);
  EXPECT_EQ(row.resource.state, State::deleting);
  EXPECT_FALSE(row.resource.name_held);
  EXPECT_TRUE(row.resource.deleted_at);
  EXPECT_FALSE(row.lifetime.wake_at) << "no deadline applies any more";
  EXPECT_EQ(row.cleanup_task, root.text);
  EXPECT_EQ(row.ending->reason, "request");
  EXPECT_EQ(row.ending->actor, "user:admin");
  EXPECT_EQ(world.steps_of(root),
            "stop_sandbox ready, archive_sandbox waiting, destroy_sandbox waiting, confirm_sandbox waiting, "
            "forget_sandbox waiting");
  const auto event = world.last_event(sandbox.resource.id, "sandbox.delete_accepted");
  EXPECT_EQ(event.actor, "user:admin");
  EXPECT_EQ(event.request_id, "request-1");
  EXPECT_EQ(event.data.at("archive"), "required");
  EXPECT_EQ(world.row(root).source, event.id);
  EXPECT_TRUE(world.runs(sandbox)) << "nothing was destroyed yet";
}

TEST(Deletion, ThatIsNotCommittedNeverHappened) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "build"});

  world.refuse_commits(1);
  const auto refused = world->sandboxes.remove(world.admin(), "build", {});

  EXPECT_EQ(outcome(refused), "no_space");
  EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_TRUE(world.row(sandbox).resource.name_held);
  EXPECT_TRUE(world.store.snapshot().tasks.empty());
}

TEST(Deletion, EndsWithNothingLeftButATombstoneAndAnArchive) {
  World world;
  const auto sandbox = world.a_running_sandbox({.files = "my thesis"});

  const auto root = world.remove(sandbox);
  world.run_workers();

  EXPECT_EQ(world.row(root).phase, Phase::completed);
  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_FALSE(world.host.holds_anything_of(uid_of(sandbox.resource.id)));
  const auto archives = world.archives_of(sandbox);
  ASSERT_EQ(archives.size(), 1u);
  EXPECT_EQ(archives[0].resource.state, State::active);
  EXPECT_EQ(world.host.objects.at(archives[0].key), "my thesis");
  EXPECT_EQ(world.destroyed, (std::vector<std::string>{"my thesis"}));
  EXPECT_TRUE(world.store.snapshot().permits.empty()) << "the permit goes with what it was for";
  EXPECT_EQ(world.story_of(sandbox.resource.id),
            "sandbox.created sandbox.started sandbox.delete_accepted archive.verified sandbox.gone cleanup.completed");
}

TEST(Deletion, WithoutAnArchiveMintsTheWaiverInTheSameCommit) {
  World world;
  const auto sandbox = world.a_running_sandbox();

  const auto root = world.remove(sandbox, without_archive);

  const auto permits = world.store.snapshot().permits;
  ASSERT_EQ(permits.size(), 1u);
  const auto& permit = permits.begin()->second;
  EXPECT_TRUE(permit.covers(layer_of(sandbox, world->installation), 1));
  EXPECT_EQ(permit.waiver(), world.last_event(sandbox.resource.id, "sandbox.delete_accepted").id);
  EXPECT_EQ(world.row(root).metadata.at("archive"), "waived");

  world.run_workers();
  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_TRUE(world.archives_of(sandbox).empty());
}

TEST(Deletion, AskedAgainGivesTheSameTask) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto first = world.remove(sandbox);

  EXPECT_EQ(world.remove(sandbox), first);
  world.run_fast();
  EXPECT_EQ(world.remove(sandbox), first);

  EXPECT_EQ(world.store.snapshot().tasks.size(), 6u);
  EXPECT_EQ(world.story_of(sandbox.resource.id), "sandbox.created sandbox.started sandbox.delete_accepted");
}

TEST(Deletion, AskedAgainWithoutAnArchiveIsTheWaiverWhereverTheFirstOneStands) {
  // The archive can stand before its turn, between two tries, stuck, or failed for good.
  const struct {
    std::string_view what;
    int failures;
    Code code;
    std::string_view archive, root;
  } table[] = {
      {"not begun", 0, Code::unavailable, "waiting", "children"},
      {"between two tries", 1, Code::unavailable, "backing_off", "children"},
      {"stuck", 13, Code::unavailable, "stuck", "children"},
      {"failed", 1, Code::internal, "failed", "failed"},
  };
  for (const auto& row : table) {
    World world;
    const auto sandbox = world.a_running_sandbox();
    world.driver.fail_next("export", row.code, 1000);
    const auto root = world.remove(sandbox);
    if (row.failures > 0) world.let_pass(row.failures == 1 ? Duration(1ms) : Duration(1h));
    ASSERT_EQ(name(world.step(root, Verb::archive_sandbox).phase), row.archive) << row.what;
    ASSERT_EQ(name(world.row(root).phase), row.root) << row.what;

    EXPECT_EQ(world.remove(sandbox, without_archive), root) << row.what;
    world.let_pass(1s);

    EXPECT_EQ(world.state_of(sandbox), "gone") << row.what;
    EXPECT_EQ(world.row(root).phase, Phase::completed) << row.what;
    EXPECT_TRUE(world.row(root).work.last_error.empty()) << row.what;
    const auto step = world.step(root, Verb::archive_sandbox);
    EXPECT_EQ(step.metadata.at("waived_by"), "user:admin") << row.what;
    EXPECT_EQ(step.metadata.at("waiver"), world.last_event(sandbox.resource.id, "sandbox.archive_waived").id.text);
  }
}

TEST(Deletion, AWaiverThatComesWhileTheArchiveIsBeingMadeHoldsOnceThatFails) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox);
  world.driver.during("export", [&] { EXPECT_EQ(world.remove(sandbox, without_archive), root); });
  world.driver.fail_next("export", Code::unavailable, 1000);

  world.let_pass(1h);

  EXPECT_EQ(world.state_of(sandbox), "gone") << world.steps_of(root);
}

TEST(Deletion, AWaiverThatComesAfterTheArchiveChangesNothing) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto root = world.remove(sandbox);
  world.driver.fail_next("discard", Code::busy);
  world.run_workers();
  ASSERT_EQ(world.step(root, Verb::destroy_sandbox).phase, Phase::backing_off);

  EXPECT_EQ(world.remove(sandbox, without_archive), root);
  world.let_pass(1s);

  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(world.archives_of(sandbox).at(0).resource.state, State::active);
  EXPECT_EQ(world.story_of(sandbox.resource.id).find("archive_waived"), std::string::npos);
}

TEST(Deletion, AWorkspaceThatAlwaysArchivesOverridesEveryWaiver) {
  World world;
  must(world.store.write([&](Transaction& t) -> Status {
    auto workspace = TRY(t.identities().find_workspace("default"));
    workspace->always_archive = true;
    return t.identities().update_workspace(*workspace);
  }));
  const auto sandbox = world.a_running_sandbox();

  world.driver.fail_next("export", Code::unavailable);
  const auto root = world.remove(sandbox, without_archive);
  world.run_workers();
  EXPECT_EQ(world.remove(sandbox, without_archive), root);
  EXPECT_EQ(world.step(root, Verb::archive_sandbox).phase, Phase::backing_off) << "the second one is no waiver either";

  world.let_pass(1s);
  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(world.archives_of(sandbox).at(0).resource.state, State::active);
}

TEST(Deletion, IsPossibleInEveryState) {
  for (int number = static_cast<int>(State::requested); number < static_cast<int>(State::gone); ++number) {
    World world;
    const auto state = static_cast<State>(number);
    if (state == State::trashed) continue;   // of other kinds
    const auto sandbox = world.a_sandbox_in(state);

    const auto root = world.remove(sandbox);
    world.let_pass(1s);

    EXPECT_EQ(world.row(root).phase, Phase::completed) << name(state);
    EXPECT_EQ(world.state_of(sandbox), "gone") << name(state);
    EXPECT_FALSE(world.host.holds_anything_of(uid_of(sandbox.resource.id))) << name(state);
  }
}

TEST(Deletion, OfWhatIsGoneFindsNothing) {
  World world;
  const auto sandbox = world.a_sandbox_in(State::gone);

  EXPECT_EQ(outcome(world->sandboxes.remove(world.admin(), sandbox.resource.id.text, {})),
            "not_found sandbox_not_found");
  const auto begun =
      world.store.write([&](Transaction& t) { return world->deletion.begin(t, world.admin(), sandbox, {}); });
  EXPECT_EQ(outcome(begun), "not_found");
}

TEST(Deletion, FreesTheNameAtOnce) {
  World world;
  const auto old = world.a_running_sandbox({.name = "build"});
  world.remove(old);

  const auto young = world.a_requested_sandbox({.name = "build"});
  EXPECT_NE(young.resource.id, old.resource.id);
  EXPECT_EQ(must(world->sandboxes.get(world.admin(), "build")).resource.id, young.resource.id);

  world.run_workers();
  EXPECT_EQ(world.state_of(young), "running") << "the cleanup of the old one never touches the new one";
  EXPECT_EQ(world.state_of(old), "gone");
  EXPECT_TRUE(world.runs(young));
}

TEST(Deletion, TheTombstoneIsFoundByNameUntilSomebodyTakesIt) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "build"});
  world.remove(sandbox);
  world.run_workers();

  EXPECT_EQ(must(world->sandboxes.get(world.admin(), "build")).resource.state, State::gone);
}

TEST(Deletion, APastDueHolderGivesItsNameToACreateWithoutWaitingForALoop) {
  World world;
  const auto old = world.a_running_sandbox({.name = "build", .lifetime = age_of(10s)});
  world.clock.advance(11s);

  const auto young = world.a_requested_sandbox({.name = "build"});

  EXPECT_EQ(world.state_of(old), "deleting");
  EXPECT_EQ(world.row(old).ending->reason, "max_age");
  EXPECT_EQ(world.row(old).ending->actor, "system:deadline");
  world.run_workers();
  EXPECT_EQ(world.state_of(young), "running");
}

TEST(Deletion, AHolderThatIsOnlyToBeStoppedKeepsItsName) {
  World world;
  const auto old = world.a_running_sandbox({.name = "build", .lifetime = with_action(age_of(10s), ExpiryAction::stop)});
  world.clock.advance(11s);

  NewSandbox wish;
  wish.name = "build";
  wish.spec.image = "busybox";
  EXPECT_EQ(outcome(world->sandboxes.create(world.admin(), wish)), "conflict name_taken");
  EXPECT_EQ(world.state_of(old), "running");
}

TEST(Deletion, IsNotForReadersAndNotAcrossWorkspaces) {
  World world;
  const auto sandbox = world.a_running_sandbox({.name = "build"});
  auto stranger = world.admin();
  stranger.workspace = {"wsp_" + std::string(32, '7')};

  EXPECT_EQ(outcome(world->sandboxes.remove(world.caller(Role::reader), "build", {})), "denied role_too_low");
  EXPECT_EQ(outcome(world->sandboxes.remove(stranger, "build", {})), "not_found sandbox_not_found");
  EXPECT_EQ(outcome(world->sandboxes.remove(stranger, sandbox.resource.id.text, {})), "not_found sandbox_not_found");
  EXPECT_EQ(world.state_of(sandbox), "running");
}

TEST(ArchiveDeletion, RemovesBothObjectsAndKeepsATombstone) {
  World world;
  const auto archive = world.an_archive();

  const auto root = must(world->archives.remove(world.admin(), archive.resource.id.text));
  EXPECT_EQ(must(world->archives.remove(world.admin(), archive.resource.id.text)), root) << "asking again is no error";
  world.run_workers();

  EXPECT_TRUE(world.host.objects.empty());
  EXPECT_EQ(world.row(archive).resource.state, State::gone);
  EXPECT_EQ(world.row(root).phase, Phase::completed);
  EXPECT_EQ(outcome(world->archives.remove(world.admin(), archive.resource.id.text)), "not_found archive_not_found");
}

TEST(ArchiveDeletion, WaitsForASandboxThatIsStillToBeRestoredFromIt) {
  World world;
  const auto archive = world.an_archive("precious");
  const auto sandbox = world.a_requested_sandbox({.restore_from = archive.resource.id.text});

  const auto root = must(world->archives.remove(world.admin(), archive.resource.id.text));
  world.run_fast();
  EXPECT_EQ(world.step(root, Verb::destroy_archive).work.error_code, "in_use");

  world.let_pass(1min);
  EXPECT_EQ(world.files_of(sandbox), "precious");
  EXPECT_EQ(world.row(archive).resource.state, State::gone);
}

}  // namespace
}  // namespace mayfly
