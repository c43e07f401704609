#include "core/volume_mount.h"

#include <gtest/gtest.h>

namespace mayfly {
namespace {

TEST(VolumeMount, MayBeAtAnyPlainAbsolutePath) {
  for (const auto* path : {"/data", "/a/b/c", "/process", "/devices", "/system", "/..data", "/a.b/..c", "/.mayfly-not"})
    EXPECT_TRUE(check_mount_path(path)) << path;
}

TEST(VolumeMount, IsRefusedWhereItWouldHideOrLeaveTheSandbox) {
  const std::string long_path = "/" + std::string(2000, 'a'), long_segment = "/" + std::string(256, 'a');
  for (const std::string& path :
       {std::string(), std::string("/"), std::string("data"), std::string("/proc"), std::string("/proc/self"),
        std::string("/sys"), std::string("/dev/shm"), std::string("/.mayfly"), std::string("/.mayfly/agent"),
        std::string("/a/.."), std::string("/../a"), std::string("/a/./b"), std::string("//a"), std::string("/a//b"),
        std::string("/a/"), std::string("/a\nb"), std::string("/a\0b", 4), long_path, long_segment}) {
    const auto refused = check_mount_path(path);
    ASSERT_FALSE(refused) << path;
    EXPECT_EQ(refused.error().code, Code::invalid);
    EXPECT_EQ(refused.error().reason, "mount_path_invalid");
  }
}

TEST(VolumeMount, LiesNeitherOnNorBelowAnother) {
  const auto both = [](const std::string& one, const std::string& other) {
    return check_mounts({{{"a"}, one}, {{"b"}, other}}).has_value();
  };
  EXPECT_FALSE(both("/a", "/a"));
  EXPECT_FALSE(both("/a", "/a/b"));
  EXPECT_FALSE(both("/a/b", "/a"));
  EXPECT_TRUE(both("/a", "/ab"));
  EXPECT_TRUE(both("/a/b", "/a/c"));
  EXPECT_EQ(check_mounts(std::vector<VolumeMount>(most_mounts + 1, {{"a"}, "/a"})).error().reason, "too_many_mounts");
}

}  // namespace
}  // namespace mayfly
