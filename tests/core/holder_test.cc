#include "core/holder.h"

#include <gtest/gtest.h>

#include "support/must.h"

namespace mayfly {
namespace {

TEST(Holder, OfASandboxHasFilesOnceItHasStarted) {
  Sandbox sandbox;
  sandbox.resource.id = {"sbx_1"};
  sandbox.resource.generation = 3;
  sandbox.layer = 2;
  sandbox.spec.image = "busybox";
  sandbox.cleanup_task = "clt_1";
  EXPECT_FALSE(holder_of(sandbox).has_files);

  sandbox.started_at = service_time(1);

  const auto holder = holder_of(sandbox);
  EXPECT_TRUE(holder.has_files);
  EXPECT_EQ(holder.resource.id.text + " " + std::to_string(holder.resource.generation), "sbx_1 3");
  EXPECT_EQ(holder.layer, 2);
  EXPECT_EQ(holder.spec, sandbox.spec);
  EXPECT_EQ(holder.cleanup_task, "clt_1");
}

TEST(Holder, OfAVolumeIsItsFilesAndTheirSize) {
  Volume volume;
  volume.resource.id = {"vol_1"};
  volume.size_mb = 77;
  volume.layer = 4;
  volume.cleanup_task = "clt_2";

  const auto holder = holder_of(volume);

  EXPECT_TRUE(holder.has_files);
  EXPECT_EQ(holder.layer, 4);
  EXPECT_EQ(holder.spec.resources, (Resources{.cpus = 0, .memory_mb = 0, .pids = 0, .disk_mb = 77}));
  EXPECT_EQ(holder.cleanup_task, "clt_2");
}

TEST(VolumeName, IsShapedAsThatOfASandbox) {
  for (const auto& name : std::vector<std::string>{"a", "0", "data-1", "a--b", std::string(63, 'a')})
    EXPECT_EQ(outcome(check_volume_name(name)), "fine") << name;
  for (const auto& name : std::vector<std::string>{"", "-a", "a-", "A", "a_b", "a.b", "\xc3\xa4", "{", "a{", "{a", "/",
                                                   ":", std::string(64, 'a')})
    EXPECT_EQ(outcome(check_volume_name(name)), "invalid name_invalid") << name;
}

TEST(NetworkAccess, HasNamesThatReadBack) {
  for (const auto access : {NetworkAccess::none, NetworkAccess::outbound})
    EXPECT_EQ(parse_network_access(name(access)), access);
  EXPECT_FALSE(parse_network_access("full"));
  EXPECT_FALSE(parse_network_access(""));
}

}  // namespace
}  // namespace mayfly
