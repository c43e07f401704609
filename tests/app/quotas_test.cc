#include "app/quotas.h"

#include <gtest/gtest.h>

#include "app/workspaces.h"
#include "support/given.h"

namespace mayfly {
namespace {

class QuotaStory : public ::testing::Test {
 protected:
  void set(const Quota& quota) {
    must(world.store.write([&](Transaction& t) -> Status {
      auto workspace = TRY(t.identities().find_workspace(world->installation.workspace.text));
      workspace->quota = quota;
      return t.identities().update_workspace(*workspace);
    }));
  }
  WorkspaceUsage usage() {
    return must(world.store.read([&](Transaction& t) { return t.usage().of(world->installation.workspace); }));
  }
  Result<Sandbox> create(const std::string& name = {}) {
    NewSandbox wish;
    wish.name = name;
    wish.spec.image = "busybox";
    return world->sandboxes.create(world.admin(), wish);
  }

  World world;
  const Resources standard;
};

TEST_F(QuotaStory, IsGivenBackInStages) {
  const auto sandbox = world.a_running_sandbox();
  const WorkspaceUsage all{1, standard.cpus, standard.memory_mb, standard.disk_mb, 0};
  EXPECT_EQ(usage(), all);
  must(world->sandboxes.stop(world.admin(), sandbox.resource.id.text));
  EXPECT_EQ(usage(), all) << "its processes may still run";
  world.run_workers();
  EXPECT_EQ(usage(), (WorkspaceUsage{1, 0, 0, standard.disk_mb, 0}));
  must(world->sandboxes.start(world.admin(), sandbox.resource.id.text));
  EXPECT_EQ(usage(), all) << "from the accepted start on";
  world.run_workers();

  world.driver.fail_next("kill", Code::busy);
  world.remove(sandbox);
  world.run_fast();
  EXPECT_EQ(usage(), all) << "accepted is not gone";
  world.driver.fail_next("erase", Code::busy);
  world.clock.advance(1min);
  world.run_workers();
  EXPECT_EQ(usage().cpus, 0) << "no process is left";
  EXPECT_EQ(usage().disk_mb, standard.disk_mb) << "its bytes are";
  EXPECT_EQ(usage().sandboxes, 1);
  EXPECT_GT(usage().archive_bytes, 0);
  world.let_pass(1min);
  EXPECT_EQ(world.state_of(sandbox), "gone");
  EXPECT_EQ(usage().disk_mb, 0);
  EXPECT_EQ(usage().sandboxes, 0);
}

TEST_F(QuotaStory, RefusesCreatesAndStartsThatDoNotFit) {
  set({.cpus = 2 * standard.cpus});
  const auto first = must(create("first"));
  must(create("second"));
  world.run_workers();
  EXPECT_EQ(outcome(create()), "denied quota_exceeded");
  must(world->sandboxes.stop(world.admin(), "first"));
  world.run_workers();
  must(create("third"));

  EXPECT_EQ(outcome(world->sandboxes.start(world.admin(), "first")), "denied quota_exceeded");
  EXPECT_EQ(world.state_of(first), "stopped");
}

TEST_F(QuotaStory, BelowWhatIsInUseLeavesThatAlone) {
  const auto sandbox = world.a_running_sandbox();
  set({.sandboxes = 0, .cpus = 0, .memory_mb = 0, .disk_mb = 0, .archive_bytes = 0});

  must(world->sandboxes.pause(world.admin(), sandbox.resource.id.text));
  world.run_workers();
  must(world->sandboxes.resume(world.admin(), sandbox.resource.id.text));
  world.run_workers();
  EXPECT_EQ(world.state_of(sandbox), "running");
  EXPECT_EQ(outcome(create()), "denied quota_exceeded");
  EXPECT_EQ(outcome(world->volumes.create(world.admin(), {.size_mb = 1})), "denied quota_exceeded");
}

TEST_F(QuotaStory, NeverKeepsADeleteFromItsArchive) {
  set({.archive_bytes = 1});
  const auto archive = world.an_archive("more than one byte");

  EXPECT_EQ(archive.resource.state, State::active);
  EXPECT_EQ(world.last_event(archive.resource.id, "archive.over_quota").data.at("limit"), "1");
  lifetime::Extension longer;
  longer.by = 24h;
  EXPECT_EQ(outcome(world->archives.keep_longer(world.admin(), archive.resource.id.text, longer)),
            "denied quota_exceeded");
  EXPECT_EQ(outcome(world->archives.set_expiry(world.admin(), archive.resource.id.text, {.retention = 1h, .at = {}})),
            "fine")
      << "to an earlier end";
}

TEST_F(QuotaStory, CountsVolumesAsDisk) {
  set({.disk_mb = 100});
  must(world->volumes.create(world.admin(), {.name = "data", .size_mb = 60}));

  EXPECT_EQ(usage().disk_mb, 60);
  EXPECT_EQ(outcome(world->volumes.create(world.admin(), {.size_mb = 41})), "denied quota_exceeded");
  must(world->volumes.remove(world.admin(), "data", {.policy = {.archive = false}, .reason = "request"}));
  world.run_workers();
  EXPECT_EQ(usage().disk_mb, 0);
}

}  // namespace
}  // namespace mayfly
