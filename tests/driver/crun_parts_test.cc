// The pure parts of the crun driver: names, mount tables, /proc texts, config.json.
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "driver/crun/layout.h"
#include "driver/crun/mounts.h"
#include "driver/crun/oci_config.h"
#include "driver/crun/processes.h"
#include "driver/crun/seccomp_profile.h"
#include "driver/crun/userns.h"
#include "json/reader.h"

namespace mayfly::test {

using namespace crun;

namespace {

const Incarnation incarnation{"inst", *parse_uuid("0190f2d4c7a87000800000000000abcd"), 3};

json::value config_of(const Bundle& bundle) { return *json::parse(config_json(bundle)); }

Bundle plain_bundle() {
  Bundle bundle;
  bundle.incarnation = incarnation;
  bundle.ids = {1 << 20, 65536};
  bundle.agent = "/opt/agent";
  bundle.seccomp = "cHJvZ3JhbQ==";
  return bundle;
}

}  // namespace

TEST(CrunLayout, NamesEveryThingByItsIncarnation) {
  const Layout layout{"/data", "inst"};

  EXPECT_EQ(layout.run(incarnation), "/data/run/0190f2d4c7a87000800000000000abcd-3");
  EXPECT_EQ(layout.layer({"inst", incarnation.uid, 2}), "/data/layers/0190f2d4c7a87000800000000000abcd/2");
  EXPECT_EQ(container_name(incarnation), "mayfly-inst-0190f2d4c7a87000800000000000abcd-3");
  EXPECT_EQ(mount_tag(incarnation), "inst/0190f2d4c7a87000800000000000abcd/3");
}

TEST(CrunLayout, ReadsItsNamesBack) {
  EXPECT_EQ(parse_container_name(container_name(incarnation)), incarnation);
  EXPECT_EQ(parse_mount_tag(mount_tag(incarnation)), incarnation);
  EXPECT_EQ(parse_run_name(run_name(incarnation))->generation, 3);
  EXPECT_EQ(parse_trash_name("0190f2d4c7a87000800000000000abcd-2.import.old")->layer, 2);
}

TEST(CrunLayout, TakesNothingElseForItsOwn) {
  const std::string uid = "0190f2d4c7a87000800000000000abcd";
  for (const auto& name : {std::string(), std::string("mayfly-"), std::string("mayfly-inst-helpers"),
                           "mayfly-inst-" + uid + "-", "mayfly-inst-" + uid + "-x", "other-inst-" + uid + "-1",
                           "mayfly--" + uid + "-1"})
    EXPECT_FALSE(parse_container_name(name)) << name;
  for (const char* tag : {"", "overlay", "a/b/c", "/0190f2d4c7a87000800000000000abcd/1",
                          "inst/0190f2d4c7a87000800000000000abcd/", "inst/0190f2d4c7a87000800000000000abc/1"})
    EXPECT_FALSE(parse_mount_tag(tag)) << tag;
  for (const char* name : {"", "x", "0190f2d4c7a87000800000000000abcd", "0190f2d4c7a87000800000000000abcd-", "..-1"})
    EXPECT_FALSE(parse_run_name(name)) << name;
}

TEST(CrunLayout, TakesOnlyADigestForAFolder) {
  EXPECT_EQ(digest_hex("sha256:" + std::string(64, 'a')), std::string(64, 'a'));
  for (const std::string bad : {"", "sha256:", "sha256:../../etc", "sha512:"}) EXPECT_FALSE(digest_hex(bad)) << bad;
  EXPECT_FALSE(digest_hex("sha256:" + std::string(64, 'A')));
  EXPECT_FALSE(digest_hex("sha256:" + std::string(63, 'a') + "/"));
}

RC_GTEST_PROP(CrunLayout, SurvivesAnyText, (const std::string& text)) {
  (void)parse_container_name(text);
  (void)parse_mount_tag(text);
  (void)parse_run_name(text);
  (void)parse_trash_name(text);
}

TEST(CrunMounts, ReadsTheTable) {
  const auto mounts = parse_mounts(
      "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"
      "50 27 0:40 / /a\\040b/merged rw,nosuid shared:7 master:1 - overlay inst/x/1 rw,lowerdir=/\n"
      "a line that is none\n");

  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[1].point, "/a b/merged");
  EXPECT_EQ(mounts[1].type, "overlay");
  EXPECT_EQ(mounts[1].source, "inst/x/1");
}

TEST(CrunMounts, KnowsWhatIsBelow) {
  EXPECT_TRUE(is_below("/a/b", "/a/b"));
  EXPECT_TRUE(is_below("/a/b/c", "/a/b"));
  EXPECT_FALSE(is_below("/a/bc", "/a/b"));
  EXPECT_FALSE(is_below("/a", "/a/b"));
}

TEST(CrunProcesses, BelievesOnlyAWholeCgroupName) {
  const std::string text = "9:memory:/mayfly-a-1\n3:pids:/x/mayfly-b-1/inner\n0::/init.scope\n";

  EXPECT_TRUE(names_cgroup(text, "mayfly-a-1"));
  EXPECT_TRUE(names_cgroup(text, "mayfly-b-1"));
  EXPECT_FALSE(names_cgroup(text, "mayfly-a-"));
  EXPECT_FALSE(names_cgroup(text, "mayfly-a-11"));
  EXPECT_FALSE(names_cgroup(text, "scope"));
}

TEST(CrunIdRanges, AreDisjointUntilGivenBack) {
  IdRanges ranges(1'000'000, 3 * 65536);
  ranges.remember(1);

  EXPECT_EQ(*ranges.take(), 0u);
  EXPECT_EQ(*ranges.take(), 2u);
  EXPECT_EQ(ranges.take().error().code, Code::exhausted);
  ranges.give_back(1);
  EXPECT_EQ(*ranges.take(), 1u);
  EXPECT_EQ(ranges.range(2).base, 1'000'000u + 2 * 65536);
}

TEST(CrunConfig, ClosesTheSandboxByDefault) {
  const auto config = config_of(plain_bundle());
  const auto& process = config.at("process");

  EXPECT_TRUE(process.at("noNewPrivileges").as_bool());
  EXPECT_FALSE(process.at("capabilities").as_object().contains("ambient"));
  EXPECT_EQ(process.at("capabilities").at("bounding").as_array().size(), 11u);
  EXPECT_EQ(config.at("root").at("path").as_string(), "merged");
  EXPECT_EQ(config.at("linux").at("namespaces").as_array().size(), 7u);
  EXPECT_EQ(config.at("linux").at("cgroupsPath").as_string(), "/mayfly-inst-0190f2d4c7a87000800000000000abcd-3");
  EXPECT_EQ(config.at("annotations").at("run.oci.seccomp_bpf_data").as_string(), "cHJvZ3JhbQ==");
  EXPECT_EQ(config.at("linux").at("uidMappings").at(0).at("hostID").as_int64(), 1 << 20);
}

TEST(CrunConfig, WritesOnlyTheLimitsThatHold) {
  const auto none = config_of(plain_bundle());
  auto bundle = plain_bundle();
  bundle.limits = {.memory_bytes = 1 << 20, .swap = true, .cpus = 0.001, .pids = 7, .devices = true, .caveats = {}};
  const auto config = config_of(bundle);
  const auto& all = config.at("linux").at("resources");

  EXPECT_TRUE(none.at("linux").at("resources").as_object().empty());
  EXPECT_EQ(all.at("memory").at("limit").as_int64(), 1 << 20);
  EXPECT_EQ(all.at("memory").at("swap").as_int64(), 1 << 20);
  EXPECT_EQ(all.at("cpu").at("quota").as_int64(), 1000);
  EXPECT_EQ(all.at("pids").at("limit").as_int64(), 7);
  EXPECT_FALSE(all.at("devices").at(0).at("allow").as_bool());
}

TEST(SeccompProfile, RefusesNestedUserNamespaces) {
  const auto profile = boost::json::parse(seccomp_profile);
  bool new_user_refused = false;
  for (const auto& rule : profile.at("syscalls").as_array()) {
    const bool allows = rule.at("action").as_string() == "SCMP_ACT_ALLOW";
    for (const auto& name : rule.at("names").as_array()) {
      const auto& text = name.as_string();
      if (allows) {
        for (const char* never : {"setns", "clone3", "mount", "bpf", "keyctl", "io_uring_setup", "userfaultfd"})
          EXPECT_NE(text, never);
      }
      const bool by_flags = text == "clone" || text == "unshare";
      EXPECT_TRUE(!allows || !by_flags || rule.as_object().contains("args")) << text;
      new_user_refused |= !allows && text == "unshare";
    }
  }
  EXPECT_TRUE(new_user_refused);
}

TEST(CrunConfig, KeepsAnyEnvironmentInOnePiece) {
  auto bundle = plain_bundle();
  bundle.env = {{"A", "line\nbreak \"quoted\" \\"}, {"PATH", "/only"}};

  const auto config = config_of(bundle);
  const auto& env = config.at("process").at("env").as_array();

  EXPECT_EQ(std::string(env[0].as_string()), "A=line\nbreak \"quoted\" \\");
  EXPECT_EQ(std::string(env[2].as_string()), "PATH=/only");
}

}  // namespace mayfly::test
