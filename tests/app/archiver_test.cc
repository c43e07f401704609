// No permit unless the archive was read back and found equal.

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

/// A delete that has come to its archiving, under a host that does to objects what `faults` says.
struct Archiving {
  World world;
  Sandbox sandbox = world.a_running_sandbox({.files = "my thesis"});
  TaskId root;

  explicit Archiving(DeletePolicy policy = {}) {
    root = world.remove(sandbox, policy);
    world.run_fast();
  }
  Task step() { return world.step(root, Verb::archive_sandbox); }
  bool permitted() const { return !world.store.snapshot().permits.empty(); }
};

TEST(Archiver, MintsThePermitInTheCommitThatRecordsTheVerifiedArchive) {
  Archiving archiving;
  auto& world = archiving.world;

  world.run_slow();

  const auto archive = world.archives_of(archiving.sandbox).at(0);
  EXPECT_EQ(archive.resource.state, State::active);
  EXPECT_TRUE(archive.verified_at);
  EXPECT_EQ(archive.content, simulation::summary_of("my thesis"));
  EXPECT_EQ(archive.stored_bytes, 9);
  EXPECT_EQ(archive.sandbox_name, archiving.sandbox.resource.name);
  const auto permit = world.store.snapshot().permits.begin()->second;
  EXPECT_EQ(permit.archive(), archive.resource.id);
  EXPECT_TRUE(permit.covers(layer_of(archiving.sandbox, world->installation), 1));
}

TEST(Archiver, NothingIsDestroyedWhileTheStoreLiesTearsFlipsOrIsDown) {
  const struct {
    std::string_view what;
    simulation::Faults faults;
    std::string_view code;
  } table[] = {
      {"it says that it kept what it did not keep", {.lying_blob = 100}, "archive_not_verified"},
      {"it kept half", {.torn_blob = 100}, "archive_not_verified"},
      {"it kept another bit", {.flipped_bit = 100}, "archive_not_verified"},
      {"it is down", {.blob_down = 100}, "unavailable"},
  };
  for (const auto& row : table) {
    Archiving archiving;
    auto& world = archiving.world;
    world.host.faults = row.faults;

    world.let_pass(1h);

    EXPECT_FALSE(archiving.permitted()) << row.what;
    EXPECT_EQ(world.files_of(archiving.sandbox), "my thesis") << row.what;
    EXPECT_EQ(archiving.step().phase, Phase::stuck) << row.what << ": it goes on trying";
    EXPECT_EQ(archiving.step().work.error_code, row.code) << row.what;
    EXPECT_EQ(world.archives_of(archiving.sandbox).at(0).resource.state, State::writing) << row.what;

    world.host.faults = {};
    world.let_pass(10min);
    EXPECT_EQ(world.state_of(archiving.sandbox), "gone") << row.what;
    EXPECT_EQ(world.archives_of(archiving.sandbox).size(), 1u) << row.what << ": the half one was used again";
    EXPECT_EQ(world.host.objects.at(world.archives_of(archiving.sandbox)[0].key), "my thesis") << row.what;
  }
}

TEST(Archiver, ADamagedManifestIsNoBetterThanDamagedFiles) {
  Archiving archiving;
  auto& world = archiving.world;
  // The files arrive whole; what stands beside them does not fit. (A layer without files has nothing to flip.)
  world.write_files(archiving.sandbox, "");
  world.host.faults.flipped_bit = 100;

  world.run_slow();

  EXPECT_FALSE(archiving.permitted());
  EXPECT_EQ(archiving.step().work.error_code, "archive_not_verified");
}

TEST(Archiver, WritesNothingWhileSomethingStillRuns) {
  Archiving archiving;
  auto& world = archiving.world;
  world.host.containers[incarnation_of(archiving.sandbox, world->installation)] = {};

  world.run_slow();

  EXPECT_EQ(archiving.step().phase, Phase::backing_off);
  EXPECT_TRUE(world.archives_of(archiving.sandbox).empty());
  EXPECT_FALSE(archiving.permitted());
}

TEST(Archiver, AContainerThatCameUpAfterItWasStoppedIsStoppedAgain) {
  Archiving archiving;
  auto& world = archiving.world;
  world.host.containers[incarnation_of(archiving.sandbox, world->installation)] = {};
  world.run_slow();

  world.let_pass(1h);

  EXPECT_EQ(world.state_of(archiving.sandbox), "gone");
  EXPECT_TRUE(world.host.containers.empty());
}

TEST(Archiver, WhatNeverStartedHasNothingToArchive) {
  World world;
  const auto sandbox = world.a_requested_sandbox();

  const auto root = world.remove(sandbox);
  world.run_workers();

  EXPECT_EQ(world.row(root).phase, Phase::completed);
  EXPECT_EQ(world.archives_of(sandbox).at(0).resource.state, State::gone);
  EXPECT_EQ(world.story_of(sandbox.resource.id),
            "sandbox.created sandbox.delete_accepted archive.nothing_to_archive sandbox.gone cleanup.completed");
}

TEST(Archiver, FilesThatShouldBeThereAndAreNotAreNoSuccess) {
  Archiving archiving;
  auto& world = archiving.world;
  world.host.layers.clear();

  world.run_workers();

  EXPECT_EQ(archiving.step().phase, Phase::failed);
  EXPECT_EQ(archiving.step().work.error_code, "layer_missing");
  EXPECT_EQ(world.row(archiving.root).phase, Phase::failed) << "a person should know";
}

TEST(Archiver, WhatVanishesWhileItIsWrittenIsTriedAgain) {
  Archiving archiving;
  auto& world = archiving.world;
  world.driver.fail_next("export", Code::not_found);

  world.run_slow();
  EXPECT_EQ(archiving.step().phase, Phase::backing_off) << "absent is success for removals only";

  world.let_pass(1s);
  EXPECT_EQ(world.state_of(archiving.sandbox), "gone");
  EXPECT_EQ(world.archives_of(archiving.sandbox).at(0).resource.state, State::active);
}

TEST(Archiver, AHalfArchiveOfAServerThatDiedIsUsedAgain) {
  Archiving archiving;
  auto& world = archiving.world;
  // It dies between the objects and the record.
  world.driver.during("export", [&] { world.refuse_commits(1); });
  EXPECT_EQ(outcome(world->worker.run_once(Lane::slow)), "no_space");
  ASSERT_EQ(world.host.objects.size(), 2u);

  world.restart(1min);
  world.run_workers();

  EXPECT_EQ(world.state_of(archiving.sandbox), "gone");
  EXPECT_EQ(world.archives_of(archiving.sandbox).size(), 1u);
  EXPECT_EQ(world.host.objects.size(), 2u);
}

TEST(Archiver, ArchivesTheFinalContentEvenIfItFailedOnAnEarlierOne) {
  Archiving archiving;
  auto& world = archiving.world;
  world.host.faults.torn_blob = 100;
  world.run_slow();
  world.host.faults = {};
  world.write_files(archiving.sandbox, "a better thesis");

  world.let_pass(1s);

  EXPECT_EQ(world.host.objects.at(world.archives_of(archiving.sandbox).at(0).key), "a better thesis");
}

TEST(Archiver, AWaiverGivenBeforehandHoldsAfterThreeAttempts) {
  DeletePolicy policy;
  policy.on_archive_failure = DeletePolicy::OnArchiveFailure::waive;
  Archiving archiving(policy);
  auto& world = archiving.world;
  world.driver.fail_next("export", Code::unavailable, 2);
  world.let_pass(10s);
  EXPECT_EQ(world.archives_of(archiving.sandbox).at(0).resource.state, State::active) << "the third one succeeded";

  Archiving hopeless(policy);
  hopeless.world.host.faults.lying_blob = 100;
  hopeless.world.let_pass(10s);
  EXPECT_EQ(hopeless.world.state_of(hopeless.sandbox), "gone");
  const auto waiver = hopeless.world.last_event(hopeless.sandbox.resource.id, "sandbox.archive_waived");
  EXPECT_EQ(waiver.actor, "system:cleanup");
  EXPECT_NE(waiver.data.at("reason").find("did not read back"), std::string::npos);
}

TEST(Archiver, AWaiverGivenBeforehandHoldsAtOnceWhenNoRepetitionHelps) {
  DeletePolicy policy;
  policy.on_archive_failure = DeletePolicy::OnArchiveFailure::waive;
  Archiving archiving(policy);
  archiving.world.driver.fail_next("export", Code::unsupported);

  archiving.world.run_workers();

  EXPECT_EQ(archiving.world.state_of(archiving.sandbox), "gone");
}

TEST(Archiver, FilesWithoutAPermitThatFitsAreNeverDestroyed) {
  for (const bool of_another_generation : {false, true}) {
    Archiving archiving;
    auto& world = archiving.world;
    const auto layer = layer_of(archiving.sandbox, world->installation);
    world.driver.fail_next("discard", Code::busy);
    world.run_workers();
    ASSERT_EQ(world.step(archiving.root, Verb::destroy_sandbox).phase, Phase::backing_off);
    must(world.store.write([&](Transaction& t) {
      return of_another_generation ? t.archives().put_permit(DeletePermit::from_waiver(layer, 7, {"evt_1"}))
                                   : t.archives().drop_permit(layer);
    }));

    world.let_pass(1s);

    EXPECT_EQ(world.step(archiving.root, Verb::destroy_sandbox).work.error_code, "no_permit");
    EXPECT_EQ(world.row(archiving.root).phase, Phase::failed);
    EXPECT_EQ(world.files_of(archiving.sandbox), "my thesis");

    world.remove(archiving.sandbox, {.archive = false});
    world.run_workers();
    EXPECT_EQ(world.state_of(archiving.sandbox), "gone") << "a waiver is the way on";
  }
}

TEST(Archiver, APermitDiesWhenTheSandboxStartsAgain) {
  World world;
  const auto sandbox = world.a_stopped_sandbox();
  const auto layer = layer_of(sandbox, world->installation);
  must(world.store.write([&](Transaction& t) {
    return t.archives().put_permit(DeletePermit::from_verified_archive(layer, 1, {"arc_1"}));
  }));

  must(world->sandboxes.start(world.admin(), sandbox.resource.id.text));
  world.run_workers();

  EXPECT_TRUE(world.store.snapshot().permits.empty()) << "its files may be others by now";
}

TEST(Archiver, ForgetsNothingWhileTheHostStillShowsAnyOfIt) {
  Archiving archiving;
  auto& world = archiving.world;
  const auto incarnation = incarnation_of(archiving.sandbox, world->installation);
  world.driver.during("erase", [&] { world.host.containers[incarnation] = {.running = false}; });

  world.run_workers();
  const auto step = world.step(archiving.root, Verb::confirm_sandbox);
  EXPECT_EQ(step.work.error_code, "still_present");
  EXPECT_EQ(world.state_of(archiving.sandbox), "deleting") << "a record goes when the thing is proved absent";

  world.host.containers.clear();
  world.let_pass(1s);
  EXPECT_EQ(world.state_of(archiving.sandbox), "gone");
}

TEST(Archives, LiveAsLongAsTheDeleteSaid) {
  World world;
  const auto archive = world.an_archive("x", 3 * 24h);
  EXPECT_EQ(*archive.lifetime.expires_at - *archive.verified_at, Duration(3 * 24h))
      << "from the moment it was verified";

  const auto for_ever = world.an_archive("y", 0s);
  EXPECT_FALSE(for_ever.lifetime.expires_at);
}

TEST(Archives, AreReadByWhoMaySeeThem) {
  World world;
  const auto archive = world.an_archive("my thesis");
  const auto& id = archive.resource.id.text;
  auto stranger = world.admin();
  stranger.workspace = {"wsp_" + std::string(32, '7')};

  EXPECT_EQ(must(world->archives.get(world.caller(Role::reader), id)).key, archive.key);
  std::string bytes(100, 0);
  bytes.resize(must(must(world->archives.content(archive))->read(bytes)));
  EXPECT_EQ(bytes, "my thesis");

  EXPECT_EQ(outcome(world->archives.get(stranger, id)), "not_found archive_not_found");
  EXPECT_EQ(outcome(world->archives.get(world.admin(), "arc_1")), "not_found archive_not_found");
  EXPECT_EQ(outcome(world->archives.remove(world.caller(Role::reader), id)), "denied role_too_low");
}

}  // namespace
}  // namespace mayfly
