#include "app/disk_watch.h"

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

TEST(DiskWatch, StopsWhatHasGrownPastItsLimitAndKeepsItsFiles) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto uid = uid_of(sandbox.resource.id);
  world.driver.cpu[uid] = 1000;
  world.driver.disk[uid] = sandbox.spec.resources.disk_mb << 20;
  must(world->disk_watch.run_once());
  EXPECT_EQ(world.state_of(sandbox), "running") << "equal is not past";

  world.driver.cpu[uid] = 2000;
  world.driver.disk[uid] += 1;
  must(world->disk_watch.run_once());
  world.run_workers();

  EXPECT_EQ(world.state_of(sandbox), "stopped");
  EXPECT_EQ(world.row(sandbox).ending->reason, "disk_limit");
  EXPECT_EQ(world.files_of(sandbox), "what the user made");
  EXPECT_EQ(world.last_event(sandbox.resource.id, "sandbox.disk_limit").actor, "system:disk");
}

TEST(DiskWatch, MeasuresOnlyWhatHasRunSinceTheLastLook) {
  World world;
  const auto busy = world.a_running_sandbox(), quiet = world.a_running_sandbox(), paused = world.a_paused_sandbox();
  for (const auto& sandbox : {busy, quiet, paused}) world.driver.cpu[uid_of(sandbox.resource.id)] = 1000;
  must(world->disk_watch.run_once());
  EXPECT_EQ(world.driver.count("usage"), 2);

  world.driver.cpu[uid_of(busy.resource.id)] = 2000;
  must(world->disk_watch.run_once());

  EXPECT_EQ(world.driver.count("usage"), 3);
}

TEST(DiskWatch, LooksAtSleepersOnceUntilTheyHaveBeenAwake) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto uid = uid_of(sandbox.resource.id);
  world.driver.cpu[uid] = 1000;
  world->naps[sandbox.resource.id] = world.clock.now();
  must(world->disk_watch.run_once());
  EXPECT_EQ(world.driver.count("usage"), 1) << "what it did before it fell asleep";

  world.driver.cpu[uid] = 2000;   // which cannot be, so that a look would be seen
  must(world->disk_watch.run_once());
  EXPECT_EQ(world.driver.count("usage"), 1);

  world.let_pass(1s);
  world->naps[sandbox.resource.id] = world.clock.now();
  must(world->disk_watch.run_once());
  EXPECT_EQ(world.driver.count("usage"), 2) << "it has been awake in between";
}

TEST(DiskWatch, LooksAgainAtWhatCouldNotBeMeasuredOrWritten) {
  World world;
  const auto sandbox = world.a_running_sandbox();
  const auto uid = uid_of(sandbox.resource.id);
  world.driver.cpu[uid] = 1000;
  world.driver.disk[uid] = std::int64_t{1} << 50;
  world.driver.fail_next("usage", Code::unavailable);

  must(world->disk_watch.run_once());
  EXPECT_EQ(world.state_of(sandbox), "running");
  world.refuse_commits(1);
  EXPECT_EQ(outcome(world->disk_watch.run_once()), "no_space");
  EXPECT_EQ(world.state_of(sandbox), "running");

  must(world->disk_watch.run_once());
  EXPECT_EQ(world.state_of(sandbox), "stopping");
}

}  // namespace
}  // namespace mayfly
