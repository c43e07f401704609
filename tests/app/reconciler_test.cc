#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

using reconcile::Trouble;

/// Something on the host that carries our instance and that no row knows.
Incarnation a_stranger(World& world, std::uint8_t number, const std::string& files = "a stranger's files") {
  Incarnation stranger{world->installation.instance, {}, 1};
  stranger.uid.bytes = {1, 2, 3, number};
  world.host.containers[stranger] = {};
  world.host.layers[{stranger.instance, stranger.uid, 1}] = files;
  return stranger;
}

ResourceId id_of(const Incarnation& incarnation) { return {"sbx_" + hex(incarnation.uid)}; }

std::string troubles(const Diagnosis& diagnosis) {
  std::string words;
  for (const auto& finding : diagnosis.findings)
    words += (words.empty() ? "" : " ") + std::string(name(finding.trouble));
  return words.empty() ? "none" : words;
}

Diagnosis diagnosed(World& world) {
  return must(diagnose(world.store, world.driver, *world.blobs, world.images, world->installation.instance));
}

/// What one pass found.
std::string reconciled(World& world) { return troubles(must(world->reconciler.run_once())); }

TEST(Reconciler, FindsNothingInAWorldThatIsAsItShouldBe) {
  World world;
  world.a_running_sandbox();
  world.a_paused_sandbox();
  world.a_stopped_sandbox();
  world.a_sandbox_in(State::starting);
  world.an_archive();
  const int commits = world.commits;

  const auto diagnosis = must(world->reconciler.run_once());

  EXPECT_TRUE(diagnosis.clean()) << troubles(diagnosis);
  EXPECT_EQ(diagnosis.sandboxes, 4u);
  EXPECT_EQ(world.commits, commits);
}

TEST(Reconciler, TellsOfStrangersInTheDataFolderAndTouchesNone) {
  World world;
  world.driver.strange = {"/data/layers/lost+found"};

  const auto diagnosis = must(world->reconciler.run_once());

  EXPECT_EQ(troubles(diagnosis), "stranger");
  EXPECT_NE(diagnosis.findings[0].text.find("/data/layers/lost+found"), std::string::npos);
  EXPECT_EQ(reconciled(world), "stranger");
  EXPECT_EQ(world.driver.count("erase"), 0);
}

TEST(Reconciler, MissesTheFilesOfAnOrphanToo) {
  World world;
  const auto stranger = a_stranger(world, 1);
  EXPECT_NE(reconciled(world), "none");
  world.run_workers();
  EXPECT_EQ(reconciled(world), "none");

  world.host.layers.clear();

  EXPECT_EQ(reconciled(world), "files_missing");
}

TEST(Reconciler, ALostOneIsStoppedAndKeepsItsFiles) {
  for (const bool paused : {false, true}) {
    World world;
    const auto sandbox = paused ? world.a_paused_sandbox() : world.a_running_sandbox();
    world.host.containers.begin()->second.running = false;

    EXPECT_EQ(reconciled(world), "vanished");
    EXPECT_EQ(world.state_of(sandbox), "stopping");
    world.run_workers();

    EXPECT_EQ(world.state_of(sandbox), "stopped");
    EXPECT_EQ(world.row(sandbox).ending->reason, "lost");
    EXPECT_TRUE(world.host.containers.empty()) << "what was left of it is cleared away";
    EXPECT_EQ(world.files_of(sandbox), "what the user made");
    EXPECT_EQ(reconciled(world), "none");
  }
}

TEST(Reconciler, AfterTheMachineWasRestartedEverythingIsFoundLost) {
  World world;
  const auto one = world.a_running_sandbox(), other = world.a_paused_sandbox();
  world.host.containers.clear();
  world.restart(5min);

  EXPECT_EQ(reconciled(world), "vanished vanished");
  world.run_workers();

  EXPECT_EQ(world.state_of(one), "stopped");
  EXPECT_EQ(world.state_of(other), "stopped");
  must(world->sandboxes.start(world.admin(), one.resource.id.text));
  world.run_workers();
  EXPECT_EQ(world.state_of(one), "running");
}

TEST(Reconciler, WhatStartedBetweenItsTwoLooksIsNotLost) {
  World world;
  const auto sandbox = world.a_requested_sandbox();
  // The host is looked at first, and shows nothing yet.
  const auto before = world.host.containers;
  world.run_workers();
  const auto containers = std::exchange(world.host.containers, before);
  // By the time it is asked again, it shows the container.
  world.driver.during("inspect", [&] { world.host.containers = containers; });

  EXPECT_EQ(reconciled(world), "none");
  EXPECT_EQ(world.state_of(sandbox), "running");
}

TEST(Reconciler, AContainerOfAnEarlierGenerationIsRemoved) {
  World world;
  const auto sandbox = world.a_stopped_sandbox();
  must(world->sandboxes.start(world.admin(), sandbox.resource.id.text));
  world.run_workers();
  auto first = incarnation_of(sandbox, world->installation);
  world.host.containers[first] = {};

  EXPECT_EQ(reconciled(world), "old_generation old_generation");

  EXPECT_FALSE(world.host.containers.contains(first));
  EXPECT_TRUE(world.runs(sandbox)) << "the current one is left alone";
}

TEST(Reconciler, AContainerOfAStoppedOneIsRemoved) {
  World world;
  const auto sandbox = world.a_stopped_sandbox();
  world.host.containers[incarnation_of(sandbox, world->installation)] = {};

  EXPECT_EQ(reconciled(world), "should_not_run should_not_run");

  EXPECT_TRUE(world.host.containers.empty());
  EXPECT_EQ(world.state_of(sandbox), "stopped");
  EXPECT_EQ(world.files_of(sandbox), "what the user made");
}

TEST(Reconciler, AContainerOfAGoneOneIsRemovedAndItsFilesAreToldOf) {
  World world;
  const auto sandbox = world.a_sandbox_in(State::gone);
  world.host.containers[incarnation_of(sandbox, world->installation)] = {};
  world.write_files(sandbox, "how did these come here");

  EXPECT_EQ(reconciled(world), "should_not_run should_not_run leftover");

  EXPECT_TRUE(world.host.containers.empty());
  EXPECT_EQ(world.files_of(sandbox), "how did these come here") << "files go with a permit or not at all";
}

TEST(Reconciler, TrashIsErased) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  world.host.trash[{world->installation.instance, uid_of(sandbox.resource.id), 7}] = "replaced";
  Uuid nobody;
  nobody.bytes[0] = 9;
  world.host.trash[{world->installation.instance, nobody, 1}] = "forgotten";

  EXPECT_EQ(reconciled(world), "trash trash");

  EXPECT_TRUE(world.host.trash.empty());
  EXPECT_EQ(world.files_of(sandbox), "what the user made");
}

TEST(Reconciler, AnUnknownContainerIsStoppedKeptForADayAndThenArchivedAndDeleted) {
  World world;
  const auto stranger = a_stranger(world, 1);

  EXPECT_EQ(reconciled(world), "unknown unknown unknown");
  EXPECT_FALSE(world.host.containers.at(stranger).running) << "at once";
  world.run_workers();

  const auto row = world.row(id_of(stranger));
  EXPECT_EQ(row.resource.state, State::stopped);
  EXPECT_FALSE(row.resource.name_held);
  EXPECT_EQ(row.ending->reason, "orphan");
  EXPECT_EQ(world.story_of(row.resource.id), "sandbox.quarantined sandbox.stopped");
  EXPECT_EQ(reconciled(world), "none") << "it is known now";

  world.let_pass(23h + 59min);
  EXPECT_EQ(world.files_of(row), "a stranger's files");

  world.let_pass(2min);
  EXPECT_EQ(world.state_of(row), "gone");
  EXPECT_EQ(world.destroyed, (std::vector<std::string>{"a stranger's files"}));
  EXPECT_EQ(world.host.objects.at(world.archives_of(row).at(0).key), "a stranger's files");
}

TEST(Reconciler, AnUnknownOneWithSeveralGenerationsIsStoppedInAll) {
  World world;
  auto stranger = a_stranger(world, 1);
  auto later = stranger;
  later.generation = 3;
  world.host.containers[later] = {};
  world.host.layers[{stranger.instance, stranger.uid, 2}] = "files of its second layer";

  reconciled(world);
  EXPECT_EQ(world.row(id_of(stranger)).resource.generation, 3);
  EXPECT_EQ(world.row(id_of(stranger)).layer, 2) << "the newest files are the ones to archive";
  world.run_workers();
  reconciled(world);

  EXPECT_TRUE(world.host.containers.empty());
}

TEST(Reconciler, FilesThatNobodyKnowsAreKeptForADayToo) {
  World world;
  const auto stranger = a_stranger(world, 1);
  world.host.containers.clear();

  EXPECT_EQ(reconciled(world), "unknown");
  world.let_pass(25h);

  const auto row = world.row(id_of(stranger));
  EXPECT_EQ(row.resource.state, State::gone);
  EXPECT_EQ(world.archives_of(row).at(0).resource.state, State::active) << "they are somebody's work";
}

TEST(Reconciler, AQuarantineCanBeEndedEarlyByHand) {
  World world;
  const auto stranger = a_stranger(world, 1);
  must(world->reconciler.run_once());

  world.remove(world.row(id_of(stranger)), {.archive = false});
  world.run_workers();

  EXPECT_EQ(world.row(id_of(stranger)).resource.state, State::gone);
}

TEST(Reconciler, TouchesNothingUnknownWhenSoMuchIsUnknown) {
  // The database may have been restored from an old backup: then the strangers are everybody's work.
  World world;
  const auto known = world.a_running_sandbox();
  for (std::uint8_t number = 1; number <= 11; ++number) a_stranger(world, number);

  const auto diagnosis = must(world->reconciler.run_once());

  EXPECT_TRUE(diagnosis.suspicious);
  for (const auto& [incarnation, container] : world.host.containers) EXPECT_TRUE(container.running);
  EXPECT_EQ(world.store.snapshot().sandboxes.size(), 1u);
  EXPECT_EQ(world.state_of(known), "running");
}

TEST(Reconciler, MendsTheRestWhenSoMuchIsUnknown) {
  World world;
  const auto sandbox = world.a_stopped_sandbox();
  const auto own = incarnation_of(sandbox, world->installation);
  world.host.containers[own] = {};
  for (std::uint8_t number = 1; number <= 11; ++number) a_stranger(world, number);

  must(world->reconciler.run_once());

  EXPECT_FALSE(world.host.containers.contains(own));
}

TEST(Reconciler, LeavesAloneWhatAWorkerIsAt) {
  World world;
  const auto sandbox = world.a_stopped_sandbox();
  world.host.containers[incarnation_of(sandbox, world->installation)] = {};
  ASSERT_TRUE(world->locks.try_lock(uid_of(sandbox.resource.id)));

  reconciled(world);
  EXPECT_EQ(world.host.containers.size(), 1u);

  world->locks.unlock(uid_of(sandbox.resource.id));
  reconciled(world);
  EXPECT_TRUE(world.host.containers.empty());
}

TEST(Reconciler, TroubleWithOneDoesNotKeepItFromTheOthers) {
  World world;
  const auto one = world.a_stopped_sandbox(), other = world.a_stopped_sandbox();
  for (const auto& sandbox : {one, other}) world.host.containers[incarnation_of(sandbox, world->installation)] = {};
  world.driver.fail_next("kill", Code::internal, 2);

  EXPECT_EQ(outcome(world->reconciler.run_once()), "internal");
  EXPECT_EQ(world.host.containers.size(), 1u);

  must(world->reconciler.run_once());
  EXPECT_TRUE(world.host.containers.empty());
}

TEST(Reconciler, AHostThatCannotBeLookedAtIsNoEmptyHost) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  world.driver.fail_next("inventory", Code::unavailable);

  EXPECT_EQ(outcome(world->reconciler.run_once()), "unavailable");
  EXPECT_EQ(world.state_of(sandbox), "running");
}

TEST(Reconciler, AHalfArchiveThatAWaiverHasOvertakenIsAbandoned) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  world.host.faults.torn_blob = 100;
  world.remove(sandbox);
  world.run_workers();
  ASSERT_EQ(world.archives_of(sandbox).at(0).resource.state, State::writing);
  must(world->reconciler.run_once());
  EXPECT_EQ(world.archives_of(sandbox).at(0).resource.state, State::writing) << "somebody still works on it";

  world.remove(sandbox, {.archive = false});
  world.run_workers();
  ASSERT_EQ(world.state_of(sandbox), "gone");
  must(world->reconciler.run_once());
  world.run_workers();

  EXPECT_EQ(world.archives_of(sandbox).at(0).resource.state, State::gone);
  EXPECT_TRUE(world.host.objects.empty());
}

TEST(Diagnosis, TellsOfArchivesAndObjectsThatDoNotMatch) {
  World world;
  const auto missing = world.an_archive("missing"), cut = world.an_archive("cut short"),
             blind = world.an_archive("without its manifest");
  world.host.objects.erase(missing.key);
  world.host.objects.erase(manifest_key(blind));
  world.host.objects.at(cut.key) = "cut";
  world.host.objects["somebody/left/this"] = "here";

  const auto diagnosis = diagnosed(world);

  EXPECT_FALSE(diagnosis.clean());
  std::vector<std::string> sentences;
  for (const auto& finding : diagnosis.archives) sentences.push_back(finding.text);
  EXPECT_EQ(sentences,
            (std::vector<std::string>{
                "archive " + missing.resource.id.text + " is recorded, but its object " + missing.key +
                    " is missing: bring it back from a copy, or delete the archive",
                "archive " + cut.resource.id.text + " has 9 bytes on record and 3 in the store",
                "archive " + blind.resource.id.text + " is recorded, but its manifest " + manifest_key(blind) +
                    " is missing: bring it back from a copy, or delete the archive",
                "object somebody/left/this (4 bytes) belongs to no archive"}));
}

TEST(Diagnosis, AnObjectOfAnArchiveThatWasDeletedSinceIsNotMissing) {
  World world;
  const auto archive = world.an_archive();
  world.host.objects.clear();
  auto rows = world.store.snapshot();
  rows.archives.at(archive.resource.id).resource.state = State::deleting;
  world.store.restore(rows);

  EXPECT_TRUE(diagnosed(world).archives.empty());
}

TEST(Diagnosis, TellsOfAStoppedOneWhoseFilesAreGone) {
  for (const auto state : {State::stopped, State::paused, State::running}) {
    World world;
    const auto sandbox = world.a_sandbox_in(state);
    world.host.layers.clear();

    const auto diagnosis = diagnosed(world);

    EXPECT_EQ(troubles(diagnosis), "files_missing") << name(state);
    EXPECT_EQ(diagnosis.findings.at(0).text,
              "the files of " + sandbox.resource.id.text + " (" + sandbox.resource.name +
                  ") are missing: layer 1 is not on this host. Restore an archive of it into a new sandbox, and "
                  "delete this one without an archive");
    EXPECT_EQ(reconciled(world), "files_missing");
    EXPECT_EQ(world.state_of(sandbox), name(state)) << "nothing that the reconciler could do would bring them back";
  }
}

TEST(Diagnosis, WhatNeverStartedHasNoFilesToMiss) {
  World world;
  world.a_sandbox_in(State::failed);
  const auto sandbox = world.a_requested_sandbox();
  must(world->sandboxes.stop(world.admin(), sandbox.resource.id.text));
  world.run_fast();
  ASSERT_EQ(world.state_of(sandbox), "stopped");

  EXPECT_EQ(troubles(diagnosed(world)), "none");
}

TEST(Diagnosis, WhatCameUpBetweenTheTwoLooksHasItsFiles) {
  World world;
  const auto sandbox = world.a_requested_sandbox();
  // The host was looked at when nothing of it was there; by the time the rows are read it runs.
  world.driver.after("inventory", [&] { world.run_workers(); });

  EXPECT_EQ(troubles(diagnosed(world)), "none");
  EXPECT_EQ(world.state_of(sandbox), "running");
}

TEST(Diagnosis, TellsOfImagesWhoseFilesAreGone) {
  World world;
  must(world->images.alias("mine", "busybox"));
  world.images.files.clear();

  const auto diagnosis = diagnosed(world);

  EXPECT_EQ(troubles(diagnosis), "image_missing image_missing") << "under each of its names";
  EXPECT_EQ(diagnosis.findings.at(0).text,
            "the files of image busybox (sha256:busybox) are missing on this host, so nothing that needs it can start: "
            "import it again");
  EXPECT_EQ(reconciled(world), "image_missing image_missing");
}

TEST(Diagnosis, AnImageFolderThatCannotBeReadHidesNothingElse) {
  World world;
  world.a_running_sandbox();
  world.host.containers.begin()->second.running = false;
  world.images.broken = true;

  EXPECT_EQ(reconciled(world), "vanished image_missing");
}

TEST(Diagnosis, ChangesNothing) {
  World world;
  world.a_running_sandbox();
  a_stranger(world, 1);
  const int commits = world.commits;
  world.driver.calls.clear();

  const auto diagnosis = diagnosed(world);

  EXPECT_EQ(troubles(diagnosis), "unknown unknown unknown");
  EXPECT_EQ(world.commits, commits);
  EXPECT_EQ(world.driver.calls, (std::vector<std::string>{"inventory"}));
}

}  // namespace
}  // namespace mayfly
