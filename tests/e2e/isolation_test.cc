// What code in a sandbox must not be able to do, tried through the API as a stranger would.

#include "e2e/server.h"
#include "os/file.h"

namespace mayfly::test {
namespace {

class Isolation : public Served {
 protected:
  void SetUp() override {
    Served::SetUp();
    mine_ = given_sandbox({{"name", "mine"}});
    other_ = given_sandbox({{"name", "other"}});
  }
  int exit_code(const std::string& line) {
    const auto ran = api().exec(mine_, line);
    EXPECT_EQ(ran.status, 200) << line << ran;
    return ran.at("exit_code").is_int64() ? static_cast<int>(ran.at("exit_code").as_int64()) : -1;
  }
  std::string mine_, other_;
};

TEST_F(Isolation, WhatItWritesToTheImageNobodyElseSees) {
  const auto original = api().output(other_, "md5sum /bin/busybox /etc/passwd");

  EXPECT_EQ(exit_code("echo changed > /etc/passwd && echo changed > /bin/added && rm /bin/vi"), 0);

  EXPECT_EQ(api().output(other_, "md5sum /bin/busybox /etc/passwd"), original);
  EXPECT_EQ(api().output(other_, "ls /bin/added 2>/dev/null | wc -l; ls /bin/vi"), "0\n/bin/vi\n");
  const auto third = given_sandbox();
  EXPECT_EQ(api().output(third, "md5sum /bin/busybox /etc/passwd"), original);
}

TEST_F(Isolation, ItMountsNothing) {
  for (const auto* line : {"mount -t tmpfs none /mnt", "mount -t proc none /tmp", "mount --bind / /mnt",
                           "mount -o remount,rw /sys", "mount -t cgroup none /mnt", "umount /proc",
                           "unshare -m true", "unshare -Ur true", "pivot_root / /tmp",
                           "mknod /disk b 254 0 && head -c1 /disk"})
    EXPECT_NE(exit_code(line), 0) << line;
}

TEST_F(Isolation, ItCannotRaiseItsLimits) {
  EXPECT_EQ(exit_code("ls /sys/fs/cgroup/memory /sys/fs/cgroup/pids 2>/dev/null | grep -q max && echo 1 > "
                      "/sys/fs/cgroup/pids/pids.max"),
            1);
  for (const auto* line : {"echo 1 > /proc/sys/kernel/panic", "echo b > /proc/sysrq-trigger",
                           "echo 0 > /proc/sys/vm/overcommit_memory", "echo -1000 > /proc/1/oom_score_adj",
                           "sysctl -w kernel.hostname=x", "reboot -f", "insmod x.ko"})
    EXPECT_NE(exit_code(line), 0) << line;
}

TEST_F(Isolation, ItSeesNeitherProcessesNorFilesOfAnother) {
  const json::object sleeper = {{"command", {"sleep", "31337"}}, {"wait", false}};
  ASSERT_EQ(api().post(Api::of(other_, "exec"), sleeper).status, 202);
  ASSERT_EQ(api().exec(other_, "echo private > /private").status, 200);

  EXPECT_EQ(api().output(mine_, "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c '[s]leep 31337'"), "0\n");
  EXPECT_EQ(api().output(mine_, "find / -xdev -name private 2>/dev/null | wc -l"), "0\n");
  const auto uid = other_.substr(4);
  EXPECT_EQ(api().output(mine_, "grep -c " + uid + " /proc/self/mountinfo /proc/mounts | cut -d: -f2"), "0\n0\n");
  EXPECT_EQ(api().output(mine_, "find / -name mayfly.db 2>/dev/null | wc -l"), "0\n");
}

TEST_F(Isolation, ItReachesNoSocketOfAnotherNorOfTheHost) {
  EXPECT_EQ(api().output(mine_, "find / -type s 2>/dev/null | wc -l"), "0\n");
  EXPECT_EQ(api().output(mine_, "grep -c @ /proc/net/unix"), "0\n");
  EXPECT_NE(exit_code("ls " + server_.data()), 0);
  EXPECT_EQ(api().output(mine_, "grep -v lo: /proc/net/dev | grep -c :"), "0\n");
}

TEST_F(Isolation, ItCannotEndItsFirstProcessNorStopItsOwnDelete) {
  exit_code("kill -9 1; trap '' TERM INT HUP; true");
  EXPECT_EQ(api().output(mine_, "echo here"), "here\n");

  api().post(Api::of(mine_, "exec"),
             json::object{{"command", "trap '' TERM INT HUP; while :; do :; done"}, {"wait", false}});

  server_.delete_now(mine_);
  EXPECT_EQ(api().state(mine_), "gone");
  EXPECT_EQ(api().output(other_, "echo here"), "here\n");
}

}  // namespace
}  // namespace mayfly::test
