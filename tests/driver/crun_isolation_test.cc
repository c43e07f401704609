// What a sandbox's root cannot do, tried from inside, and what holds it, read from outside.
#include <csignal>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include "driver/crun_world.h"
#include "os/file.h"

namespace mayfly::test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

/// Where a link below /proc/PID leads; empty when it went away meanwhile.
std::string link_of(int pid, const std::string& name) {
  char target[256] = {};
  const auto path = "/proc/" + std::to_string(pid) + "/" + name;
  return ::readlink(path.c_str(), target, sizeof target - 1) > 0 ? target : "";
}

/// The limit as the kernel has it: (version 1 file, version 2 file) in the sandbox's groups.
std::string kernel_limit(const std::string& group, const std::string& v1, const std::string& v2) {
  for (const auto& folder : crun::Cgroups().folders_of(group))
    for (const auto& file : {v1, v2})
      if (const auto text = os::read_file(folder + "/" + file)) return *text;
  return "no such file";
}

std::string status_line(const std::string& status, const std::string& key) {
  const auto at = status.find("\n" + key + ":\t");
  if (at == std::string::npos) return {};
  const auto start = at + key.size() + 3;
  return status.substr(start, status.find('\n', start) - start);
}

}  // namespace

class CrunIsolationTest : public CrunWorld {};

TEST_F(CrunIsolationTest, HasNamespacesOfItsOwn) {
  const auto sandbox = started();
  const int pid = first_process(sandbox);

  for (const std::string type : {"pid", "ipc", "uts", "mnt", "net", "cgroup", "user"}) {
    EXPECT_THAT(link_of(pid, "ns/" + type), HasSubstr(type));
    EXPECT_NE(link_of(pid, "ns/" + type), link_of(::getpid(), "ns/" + type)) << type;
  }
}

TEST_F(CrunIsolationTest, HoldsTheLimitsItWasGiven) {
  auto sandbox = launch();
  sandbox.spec.resources = {.cpus = 0.25, .memory_mb = 128, .pids = 32, .disk_mb = 100};
  ASSERT_TRUE(driver_->start(sandbox));
  const auto group = crun::container_name(sandbox.incarnation);

  EXPECT_EQ(kernel_limit(group, "memory.limit_in_bytes", "memory.max"), "134217728\n");
  EXPECT_THAT(kernel_limit(group, "memory.memsw.limit_in_bytes", "memory.swap.max"),
              ::testing::AnyOf("134217728\n", "0\n"));
  EXPECT_THAT(kernel_limit(group, "cpu.cfs_quota_us", "cpu.max"), ::testing::AnyOf("25000\n", "25000 100000\n"));
  EXPECT_EQ(kernel_limit(group, "pids.max", "pids.max"), "32\n");
}

TEST_F(CrunIsolationTest, HoldsTheAgentWithoutPrivileges) {
  const auto sandbox = started();
  const auto status = *os::read_file("/proc/" + std::to_string(first_process(sandbox)) + "/status");

  EXPECT_EQ(status_line(status, "NoNewPrivs"), "1");
  EXPECT_EQ(status_line(status, "Seccomp"), "2");
  // chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service sys_chroot setfcap
  for (const char* set : {"CapBnd", "CapEff", "CapPrm"}) EXPECT_EQ(status_line(status, set), "00000000800405fb") << set;
  for (const char* set : {"CapInh", "CapAmb"}) EXPECT_EQ(status_line(status, set), "0000000000000000") << set;
}

TEST_F(CrunIsolationTest, RefusesWhatWouldLeadOut) {
  const auto sandbox = started();
  const char* const attempts[] = {
      "mount -t tmpfs x /mnt",
      "mount --bind / /mnt",
      "mount -o remount,rw /sys",
      "umount /proc",
      "umount /.mayfly/agent",
      "unshare -U true",
      "unshare -m true",
      "unshare -n true",
      "unshare -U -r sh -c true",
      "nsenter -t 1 -m true",
      "mknod /tmp/disk b 254 0",
      "mknod /tmp/null c 1 3",
      "echo x > /.mayfly/agent",
      "rm /.mayfly/agent",
      "mv /.mayfly/agent /tmp/agent",
      "ulimit -Hn 1000000",
      "echo b > /proc/sysrq-trigger",
      "echo 1 > /proc/sys/net/ipv4/ip_forward",
      "echo x > /proc/sys/kernel/core_pattern",
      "hostname other",
      "dmesg",
      "swapoff -a; swapon /bin/busybox",
      "reboot -f",
      "ls /sys/firmware/* ",
      "head -c 1 /proc/kcore | grep -q .",
      "echo 1 > /sys/kernel/mm/ksm/run",
      "cat /dev/vda",
      "ls /dev/mem",
      "ls /data",
      "pivot_root / /mnt",
      "chroot /proc/1/root/.. ls /work",
  };

  for (const auto* attempt : attempts) {
    const auto outcome = inside(sandbox, attempt);
    EXPECT_NE(outcome.exit_code, 0) << attempt << ": " << outcome.out;
  }
  EXPECT_TRUE(driver_->inspect(sandbox.incarnation)->running);
}

TEST_F(CrunIsolationTest, LetsOrdinaryRootWorkBeDone) {
  const auto sandbox = started();
  const char* const works[] = {
      "echo x > /new && chown 12:34 /new && chmod 4755 /new && rm /new",
      "mkdir /a && ln -s /a /b && mv /b /c && rm -r /a /c",
      "(sleep 0 & sleep 0 & wait)",
      "mv /etc /etc2 && mv /etc2 /etc && cat /etc/passwd",
      "chroot / true",
      "su nobody -s /bin/sh -c 'test $(id -u) = 65534'",
      "mkfifo /tmp/f && rm /tmp/f",
      "test -c /dev/null && test -c /dev/urandom && echo x > /dev/null && head -c 8 /dev/urandom",
      "test -d /dev/shm && echo x > /dev/shm/x",
      "unshare true",
      "ls /proc/self/fd",
  };

  for (const auto* work : works) {
    const auto outcome = inside(sandbox, work);
    EXPECT_EQ(outcome.exit_code, 0) << work << ": " << outcome.err;
  }
}

TEST_F(CrunIsolationTest, NeverWritesToTheImage) {
  const auto sandbox = started();
  const auto file = layout_.image(image_.digest) + "/rootfs/etc/passwd";
  const auto before = *os::read_file(file);

  const auto outcome = inside(sandbox, "echo evil >> /etc/passwd && rm /bin/busybox");

  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(*os::read_file(file), before);
  EXPECT_TRUE(os::read_file(layout_.image(image_.digest) + "/rootfs/bin/busybox"));
  EXPECT_THAT(*os::read_file(upper(sandbox) + "/etc/passwd"), HasSubstr("evil"));
}

TEST_F(CrunIsolationTest, SeesNoProcessButItsOwn) {
  const auto sandbox = started();
  const auto other = launch_of(fresh_uid());
  ASSERT_TRUE(driver_->start(other));

  const auto outcome = inside(sandbox, "ls /proc | grep -c '^[0-9]'; kill -0 " + std::to_string(first_process(other)));

  EXPECT_LE(std::stoi(outcome.out), 5) << outcome.out;
  EXPECT_NE(outcome.exit_code, 0);
}

TEST_F(CrunIsolationTest, GivesEachSandboxUserIdsOfItsOwn) {
  const auto map_of = [&](const LaunchSpec& sandbox) {
    std::ifstream file("/proc/" + std::to_string(first_process(sandbox)) + "/uid_map");
    std::uint64_t from = 0, to = 0, size = 0;
    file >> from >> to >> size;
    EXPECT_EQ(size, 65536u);
    return to;
  };
  const auto first = started();
  const auto second = launch_of(fresh_uid());
  ASSERT_TRUE(driver_->start(second));
  restart();
  const auto third = launch_of(fresh_uid());
  ASSERT_TRUE(driver_->start(third));

  EXPECT_GE(map_of(first), options().id_base);
  EXPECT_GE(map_of(second), map_of(first) + 65536);
  EXPECT_GE(map_of(third), map_of(second) + 65536);
}

TEST_F(CrunIsolationTest, KeepsTheIdsThatTheSandboxSeesOnDisk) {
  const auto sandbox = started();
  inside(sandbox, "echo x > /mine; chown 1234:5678 /mine; echo x > /roots");

  struct stat info{};
  ASSERT_EQ(::stat((upper(sandbox) + "/mine").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 1234u);
  EXPECT_EQ(info.st_gid, 5678u);
  ASSERT_EQ(::stat((upper(sandbox) + "/roots").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0u);
}

TEST_F(CrunIsolationTest, BoundsSharedMemoryAndProcesses) {
  const auto sandbox = started();

  const auto shm = inside(sandbox, "dd if=/dev/zero of=/dev/shm/x bs=1M count=200");
  const auto forks = inside(sandbox, "i=0; while [ $i -lt 100 ]; do sleep 1000 & i=$((i+1)); done");

  EXPECT_NE(shm.exit_code, 0);
  EXPECT_THAT(shm.err, HasSubstr("No space left"));
  EXPECT_THAT(forks.err, HasSubstr("fork"));
}

TEST_F(CrunIsolationTest, BoundsMemory) {
  const auto sandbox = started();

  const auto outcome = inside(sandbox, "dd if=/dev/zero of=/dev/null bs=400M count=1");

  EXPECT_EQ(outcome.exit_code, 128 + SIGKILL);
  EXPECT_TRUE(driver_->inspect(sandbox.incarnation)->running);
}

TEST_F(CrunIsolationTest, PassesTheListenerAndNoOtherDescriptor) {
  auto options = this->options();
  const auto lock = os::open(folder_.path() + "/lock", O_RDWR | O_CREAT, 0600);
  ASSERT_TRUE(lock);
  options.lock_fd = lock->get();
  drive(options);
  const auto sandbox = started();
  const int pid = first_process(sandbox);

  for (const char* standard : {"fd/0", "fd/1", "fd/2"}) EXPECT_EQ(link_of(pid, standard), "/dev/null");
  EXPECT_THAT(link_of(pid, "fd/3"), HasSubstr("socket:"));
  const auto inherited = *os::list_folder("/proc/" + std::to_string(pid) + "/fd");
  for (const auto& fd : inherited)
    EXPECT_THAT(link_of(pid, "fd/" + fd), Not(HasSubstr(folder_.path()))) << fd;
}

TEST_F(CrunIsolationTest, ShowsNoPathOfTheHost) {
  const auto sandbox = started();

  const auto mounts = inside(sandbox, "cat /proc/self/mountinfo").out;

  EXPECT_THAT(mounts, Not(HasSubstr(folder_.path())));
  EXPECT_THAT(mounts, HasSubstr(" / / rw,nosuid,nodev"));
}

}  // namespace mayfly::test
