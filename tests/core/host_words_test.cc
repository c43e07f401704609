#include "core/host_words.h"

#include <gtest/gtest.h>

namespace mayfly {
namespace {

const std::string uid = "019aa5c2f1d07c3e8b0a5d3f61c2e7b4";
const std::string incarnation = "0a1b2c3d-" + uid + "-2";

TEST(WithoutHostWords, NamesTheSandboxInsteadOfItsIncarnation) {
  EXPECT_EQ(without_host_words("the agent of " + incarnation + " did not answer in time"),
            "the agent of sbx_" + uid + " did not answer in time");
  EXPECT_EQ(without_host_words("start " + incarnation + ": no"), "start sbx_" + uid + ": no");
  EXPECT_EQ(without_host_words("cannot kill 'mayfly-" + incarnation + "'"), "cannot kill 'sbx_" + uid + "'");
}

TEST(WithoutHostWords, HidesPathsOfTheHost) {
  const std::string hidden = "make (a path of the host): no";
  for (const auto& path :
       {"/var/lib/mayfly/run/" + uid + "-2/agent.sock", "/data/layers/" + uid + "/0/upper", "/d/trash/" + uid + "-0.1",
        "/d/crun/mayfly-" + incarnation + "/status", "/proc/self/fd/7/" + uid + "-2/agent.sock",
        "/sys/fs/cgroup/pids/mayfly-" + incarnation, "/d/images/" + uid + uid + "/rootfs",
        std::string("/var/lib/mayfly/mayfly.db"), "/d/archives/wsp_" + uid + "/sbx_" + uid + "/arc_1.tar.zst"})
    EXPECT_EQ(without_host_words("make " + path + ": no"), hidden) << path;
}

TEST(WithoutHostWords, LeavesEverythingElseAsItIs) {
  for (const auto& text :
       {std::string(), std::string("remove /proc: Device or resource busy"), std::string("open /run/app/x.sock, no"),
        "no sandbox \"" + uid + "\" here", "sandbox sbx_" + uid + " is paused", "read /home/" + uid + "/notes: no",
        std::string("/"), std::string("a-b-c 1-2 deadbeef-1"), "clt_" + uid + ": failed", std::string("\xff /\xff")})
    EXPECT_EQ(without_host_words(text), text);
}

}  // namespace
}  // namespace mayfly
