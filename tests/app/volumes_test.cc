#include "app/volumes.h"

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

class VolumeStory : public ::testing::Test {
 protected:
  Volume given_volume(const std::string& name = "data", const std::string& content = "what a sandbox wrote") {
    const auto volume = must(world->volumes.create(world.admin(), {.name = name}));
    world.host.layers[layer_of(volume, world->installation)] = content;
    return volume;
  }
  Volume row(const Volume& volume) {
    return must(world.store.read([&](Transaction& t) { return t.volumes().get(volume.resource.id); }));
  }
  Result<Sandbox> mount(const std::string& volume, const std::string& name = {}) {
    NewSandbox wish;
    wish.name = name;
    wish.spec.image = "busybox";
    wish.mounts = {{{volume}, "/data"}};
    return world->sandboxes.create(world.admin(), wish);
  }
  Result<VolumeDeletion> remove(const std::string& volume, const DeletePolicy& policy = {}) {
    return world->volumes.remove(world.admin(), volume, {.policy = policy, .reason = "request"});
  }
  std::vector<Archive> archives_of(const Volume& volume) {
    ArchiveFilter filter;
    filter.sandbox = volume.resource.id;
    return must(world->archives.list(world.admin(), filter, {}));
  }
  bool on_host(const Volume& volume) {
    const auto layer = layer_of(volume, world->installation);
    return world.host.layers.contains(layer) || world.host.trash.contains(layer);
  }

  World world;
};

TEST_F(VolumeStory, GoesTheWayOfEveryDeleteWithItsOwnSteps) {
  const auto volume = given_volume();
  const auto task = must(remove("data")).task;
  EXPECT_EQ(world.steps_of(task),
            "archive_volume ready, destroy_volume waiting, confirm_volume waiting, forget_volume waiting");

  world.run_workers();

  EXPECT_EQ(row(volume).resource.state, State::gone);
  EXPECT_EQ(world.row(task).phase, Phase::completed);
  EXPECT_FALSE(on_host(volume));
  ASSERT_EQ(archives_of(volume).size(), 1u);
  EXPECT_EQ(archives_of(volume)[0].sandbox_name, "data");
  EXPECT_EQ(world.story_of(volume.resource.id),
            "volume.created volume.delete_accepted archive.verified volume.gone cleanup.completed");
}

TEST_F(VolumeStory, KeepsItsBytesUntilTheyAreArchivedOrWaived) {
  const auto volume = given_volume();
  world.host.faults.blob_down = 100;
  const auto task = must(remove("data")).task;
  world.run_workers();
  EXPECT_TRUE(world.destroyed.empty());
  EXPECT_EQ(row(volume).resource.state, State::deleting);

  EXPECT_EQ(must(remove("vol_" + hex(uid_of(volume.resource.id)), {.archive = false})).task, task) << "the waiver";
  world.run_workers();

  EXPECT_EQ(row(volume).resource.state, State::gone);
  EXPECT_EQ(world.destroyed, std::vector<std::string>{"what a sandbox wrote"});
}

TEST_F(VolumeStory, IsNotDeletedWhileASandboxThatIsNotGoneMountsIt) {
  const auto volume = given_volume();
  const auto holder = must(mount("data", "holder"));
  world.run_workers();
  must(world->sandboxes.stop(world.admin(), "holder"));
  world.run_workers();

  const auto refused = remove("data");
  EXPECT_EQ(outcome(refused), "conflict volume_mounted");
  EXPECT_NE(refused.error().message.find("holder"), std::string::npos);
  EXPECT_EQ(row(volume).resource.state, State::active);

  world.remove(holder, {.archive = false});
  EXPECT_EQ(outcome(remove("data")), "conflict volume_mounted") << "its processes may still run";
  world.run_workers();
  EXPECT_EQ(outcome(remove("data")), "fine");
}

TEST_F(VolumeStory, IsNotMountedOnceItIsBeingDeleted) {
  const auto volume = given_volume();
  must(remove("data"));

  EXPECT_EQ(outcome(mount("data")), "conflict volume_deleting");
  EXPECT_EQ(outcome(mount(volume.resource.id.text)), "conflict volume_deleting");
  world.run_workers();
  EXPECT_EQ(outcome(mount("data")), "not_found volume_not_found");
}

TEST_F(VolumeStory, ItsNameIsFreeFromTheAcceptedDeleteOn) {
  const auto volume = given_volume();
  EXPECT_EQ(outcome(world->volumes.create(world.admin(), {.name = "data"})), "conflict name_taken");
  must(remove("data"));

  const auto next = must(world->volumes.create(world.admin(), {.name = "data"}));

  EXPECT_NE(next.resource.id, volume.resource.id);
  EXPECT_EQ(must(world->volumes.get(world.admin(), "data")).resource.id, next.resource.id);
}

TEST_F(VolumeStory, IsRestoredFromItsArchiveAndFromNoOther) {
  const auto volume = given_volume();
  must(remove("data"));
  world.run_workers();
  const auto archive = archives_of(volume).at(0).resource.id.text;

  const auto again = must(world->volumes.create(world.admin(), {.name = "again", .restore_from = archive}));

  EXPECT_EQ(world.host.layers[layer_of(again, world->installation)], "what a sandbox wrote");
  EXPECT_EQ(again.size_mb, volume.size_mb);
  const auto of_sandbox = world.an_archive().resource.id.text;
  EXPECT_EQ(outcome(world->volumes.create(world.admin(), {.restore_from = of_sandbox})), "conflict archive_of_sandbox");
  NewSandbox wish;
  wish.spec.restore_from = archive;
  EXPECT_EQ(outcome(world->sandboxes.create(world.admin(), wish)), "conflict archive_of_volume");
}

TEST_F(VolumeStory, ThatCannotBeMadeLeavesNothing) {
  world.driver.fail_next("make_volume", Code::no_space);
  EXPECT_EQ(outcome(world->volumes.create(world.admin(), {.name = "data"})), "no_space");
  world.run_workers();

  EXPECT_TRUE(world.host.layers.empty());
  EXPECT_TRUE(must(world->volumes.list(world.admin(), {}, {})).empty());
  EXPECT_EQ(outcome(world->volumes.create(world.admin(), {.name = "data"})), "fine");
}

TEST_F(VolumeStory, ThatADeadServerWasMakingIsTakenAway) {
  world.driver.lose_answer_of("make_volume");
  // The store takes the row, and nothing more: as if the server had died on the way.
  world.driver.after("make_volume", [this] { world.refuse_commits(1000); });
  EXPECT_FALSE(world->volumes.create(world.admin(), {.name = "data"}));
  world.refuse_commits(0);
  ASSERT_EQ(must(world->volumes.list(world.admin(), {}, {})).at(0).resource.state, State::writing);
  EXPECT_EQ(outcome(mount("data")), "conflict volume_writing");
  must(world->reconciler.run_once());
  EXPECT_EQ(must(world->volumes.list(world.admin(), {}, {})).size(), 1u) << "ours is not abandoned while we live";

  world.restart();
  must(world->reconciler.run_once());
  world.run_workers();

  EXPECT_TRUE(must(world->volumes.list(world.admin(), {}, {})).empty());
  EXPECT_TRUE(world.host.layers.empty());
}

TEST_F(VolumeStory, AFolderWithoutARecordIsAVolumeForADay) {
  const LayerRef stranger{world->installation.instance, uid_of({"vol_019aa5c2f1d07c3e8b0a5d3f61c2e7b4"}), 1};
  world.host.layers[stranger] = "somebody's";
  world.host.volumes.insert(stranger);
  EXPECT_EQ(must(world->reconciler.run_once()).findings.at(0).trouble, reconcile::Trouble::unknown);

  const auto found = must(world->volumes.get(world.admin(), "vol_019aa5c2f1d07c3e8b0a5d3f61c2e7b4"));
  EXPECT_EQ(found.resource.state, State::active);
  EXPECT_TRUE(must(world->reconciler.run_once()).clean());
  world.let_pass(23h);
  EXPECT_EQ(row(found).resource.state, State::active);
  world.let_pass(2h);

  EXPECT_EQ(row(found).resource.state, State::gone);
  EXPECT_EQ(archives_of(found).size(), 1u);
}

TEST_F(VolumeStory, LostFilesAreToldOfAndNeverMadeAnew) {
  const auto volume = given_volume();
  world.host.layers.erase(layer_of(volume, world->installation));

  const auto diagnosis = must(world->reconciler.run_once());
  ASSERT_EQ(diagnosis.findings.size(), 1u);
  EXPECT_EQ(diagnosis.findings[0].trouble, reconcile::Trouble::files_missing);
  const auto sandbox = must(mount("data"));
  world.let_pass(1min);

  EXPECT_EQ(world.row(sandbox).work.error_code, "volume_missing");
  EXPECT_FALSE(on_host(volume));
}

TEST_F(VolumeStory, OverItsSizeStopsWritersAndNoReaders) {
  const auto volume = given_volume();
  NewSandbox reading;
  reading.spec.image = "busybox";
  reading.mounts = {{{"data"}, "/data", true}};
  const auto writer = must(mount("data"));
  const auto reader = must(world->sandboxes.create(world.admin(), reading));
  world.run_workers();
  world.driver.disk[uid_of(volume.resource.id)] = (volume.size_mb << 20) + 1;
  for (const auto& sandbox : {writer, reader}) world.driver.cpu[uid_of(sandbox.resource.id)] = 1000;

  must(world->disk_watch.run_once());

  EXPECT_EQ(world.state_of(writer), "stopping");
  EXPECT_EQ(world.row(writer).ending->reason, "volume_limit");
  EXPECT_EQ(world.state_of(reader), "running");
}

}  // namespace
}  // namespace mayfly
