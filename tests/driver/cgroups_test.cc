// Version 2 and hosts that are unlike this one, on folders that look like them; the real kernel where it can be had.
#include <csignal>
#include <filesystem>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/crun/cgroups.h"
#include "driver/crun/processes.h"
#include "driver/crun_world.h"

namespace mayfly::test {

using crun::Cgroups;
using crun::Milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

constexpr Resources wanted{.cpus = 1.5, .memory_mb = 64, .pids = 10, .disk_mb = 1};

class FakeTree : public ::testing::Test {
 protected:
  void put(const std::string& path, const std::string& text) {
    const auto whole = folder_.path() + "/" + path;
    ASSERT_TRUE(os::make_folders(whole.substr(0, whole.rfind('/'))));
    ASSERT_TRUE(os::write_file(whole, text));
  }
  std::string get(const std::string& path) { return os::read_file(folder_.path() + "/" + path).value_or("absent"); }

  void version_2(const std::string& controllers) { put("cgroup.controllers", controllers + "\n"); }
  void version_1(const std::vector<std::string>& controllers) {
    for (const auto& name : controllers) put(name + "/cgroup.procs", "");
  }

  TemporaryFolder folder_;
};

}  // namespace

TEST_F(FakeTree, KnowsTheKindOfHost) {
  EXPECT_EQ(Cgroups(folder_.path()).mode(), Cgroups::Mode::none);

  version_1({"memory", "pids"});
  EXPECT_EQ(Cgroups(folder_.path()).mode(), Cgroups::Mode::v1);

  put("unified/cgroup.controllers", "hugetlb\n");
  EXPECT_EQ(Cgroups(folder_.path()).mode(), Cgroups::Mode::hybrid);

  version_2("memory");
  EXPECT_EQ(Cgroups(folder_.path()).mode(), Cgroups::Mode::v2);
}

TEST_F(FakeTree, HybridLeavesVersionTwoAlone) {
  version_1({"memory", "freezer"});
  put("unified/cgroup.controllers", "hugetlb\n");
  put("unified/cgroup.procs", "");

  EXPECT_THAT(Cgroups(folder_.path()).hierarchies(),
              ElementsAre(folder_.path() + "/freezer", folder_.path() + "/memory"));
}

TEST_F(FakeTree, TakesAHierarchyOfTwoControllersOnce) {
  version_1({"cpu,cpuacct", "memory"});
  std::filesystem::create_directory_symlink("cpu,cpuacct", folder_.path() + "/cpu");
  std::filesystem::create_directory_symlink("cpu,cpuacct", folder_.path() + "/cpuacct");
  const Cgroups cgroups(folder_.path());

  EXPECT_EQ(cgroups.hierarchies().size(), 2u);
  EXPECT_TRUE(cgroups.enforceable(wanted).cpus);
}

TEST_F(FakeTree, EnforcesAllOnVersionTwo) {
  version_2("cpuset cpu io memory pids");

  const auto limits = Cgroups(folder_.path()).enforceable(wanted);

  EXPECT_EQ(limits.memory_bytes, 64 << 20);
  EXPECT_EQ(limits.cpus, 1.5);
  EXPECT_EQ(limits.pids, 10);
  EXPECT_TRUE(limits.swap);
  EXPECT_TRUE(limits.devices);
  EXPECT_THAT(limits.caveats, IsEmpty());
}

TEST_F(FakeTree, SaysWhatItCannotEnforce) {
  version_2("cpu");
  const auto limits = Cgroups(folder_.path()).enforceable(wanted);

  EXPECT_FALSE(limits.memory_bytes);
  EXPECT_FALSE(limits.pids);
  EXPECT_THAT(limits.caveats, ElementsAre(HasSubstr("memory: not limited"), HasSubstr("processes: not limited")));
}

TEST_F(FakeTree, SaysThatSwapIsNotLimited) {
  version_1({"memory", "cpu", "pids", "devices"});

  const auto limits = Cgroups(folder_.path()).enforceable(wanted);

  EXPECT_FALSE(limits.swap);
  EXPECT_THAT(limits.caveats, ElementsAre(HasSubstr("swap: not limited")));
}

TEST_F(FakeTree, SaysThatNothingIsLimitedWithoutCgroups) {
  EXPECT_EQ(Cgroups(folder_.path()).enforceable(wanted).caveats.size(), 4u);
}

TEST_F(FakeTree, CountsMembersOnceAtAnyDepth) {
  version_1({"memory", "pids"});
  put("memory/box/cgroup.procs", "11\n12\n");
  put("pids/box/cgroup.procs", "12\n");
  put("pids/box/inner/cgroup.procs", "13\n");
  const Cgroups cgroups(folder_.path());

  EXPECT_THAT(*cgroups.members("box"), ElementsAre(11, 12, 13));
  EXPECT_THAT(*cgroups.members("none"), IsEmpty());
}

TEST_F(FakeTree, FindsGroupsByTheirNames) {
  version_1({"memory", "pids"});
  put("memory/mayfly-a-1/cgroup.procs", "");
  put("pids/mayfly-a-1/cgroup.procs", "");
  put("pids/mayfly-a-2/cgroup.procs", "");
  put("pids/mayfly-b-1/cgroup.procs", "");
  const Cgroups cgroups(folder_.path());

  EXPECT_THAT(*cgroups.list("mayfly-a-"), ElementsAre("mayfly-a-1", "mayfly-a-2"));
  EXPECT_EQ(cgroups.folders_of("mayfly-a-1").size(), 2u);
}

TEST_F(FakeTree, NeverKillsAProcessThatTheKernelPutsElsewhere) {
  version_2("memory pids");
  put("box/cgroup.procs", std::to_string(::getpid()) + "\n");
  put("box/cgroup.kill", "");
  const Cgroups cgroups(folder_.path());

  const auto killed = cgroups.kill("box", Milliseconds(5));

  ASSERT_FALSE(killed);
  EXPECT_EQ(killed.error().code, Code::busy);
  EXPECT_THAT(killed.error().message, HasSubstr("process " + std::to_string(::getpid()) + " ("));
  EXPECT_THAT(killed.error().message, HasSubstr("state R"));
  EXPECT_EQ(get("box/cgroup.kill"), "1");
}

TEST_F(FakeTree, GivesUpFreezingAndThawsAgain) {
  version_2("pids");
  put("box/cgroup.procs", "1\n");
  put("box/cgroup.freeze", "0");
  // It never says frozen, as with processes that do not stop.
  put("box/cgroup.events", "frozen 0\n");

  const auto frozen = Cgroups(folder_.path()).freeze("box", Milliseconds(2));

  ASSERT_FALSE(frozen);
  EXPECT_EQ(frozen.error().code, Code::busy);
  EXPECT_EQ(get("box/cgroup.freeze"), "0");
}

TEST_F(FakeTree, ReadsUseOfBothVersions) {
  version_1({"memory", "cpuacct"});
  put("memory/box/memory.usage_in_bytes", "4096\n");
  put("cpuacct/box/cpuacct.usage", "5000000\n");
  const Cgroups one(folder_.path());
  EXPECT_EQ(one.memory_bytes("box"), 4096);
  EXPECT_EQ(one.cpu_us("box"), 5000);

  version_2("memory cpu");
  put("box/memory.current", "8192\n");
  put("box/cpu.stat", "user_usec 3\nusage_usec 7000\nsystem_usec 2\n");
  const Cgroups two(folder_.path());
  EXPECT_EQ(two.memory_bytes("box"), 8192);
  EXPECT_EQ(two.cpu_us("box"), 7000);
}

namespace {

/// The kernel's own version 2 tree: the whole of it on a pure host, the empty one beside version 1 on a hybrid one.
/// Killing and freezing need no controller, so both will do.
class RealVersionTwo : public ::testing::Test {
 protected:
  RealVersionTwo() : cgroups_(Cgroups().mode() == Cgroups::Mode::hybrid ? Cgroups().unified() : "/sys/fs/cgroup") {}
  ~RealVersionTwo() override {
    EXPECT_TRUE(cgroups_.kill(name_, Milliseconds(5000)));
    EXPECT_TRUE(cgroups_.remove(name_, Milliseconds(5000)));
    EXPECT_THAT(cgroups_.folders_of(name_), IsEmpty());
  }

  pid_t process_in_it() {
    const auto group = cgroups_.open_count_only(name_);
    EXPECT_TRUE(group) << group.error().message;
    int ready[2];
    EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (::write(group->get(), "0", 1) != 1 || ::write(ready[1], "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char byte;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    return pid;
  }

  const Cgroups cgroups_;
  const std::string name_ = "mayfly-" + fresh_instance();
};

}  // namespace

TEST_F(RealVersionTwo, FreezesThawsAndKills) {
  ASSERT_EQ(cgroups_.mode(), Cgroups::Mode::v2);
  const pid_t pid = process_in_it();
  EXPECT_THAT(*cgroups_.members(name_), ElementsAre(pid));

  ASSERT_TRUE(cgroups_.freeze(name_, Milliseconds(5000)));
  EXPECT_TRUE(cgroups_.frozen(name_));
  ASSERT_TRUE(cgroups_.thaw(name_, Milliseconds(5000)));
  EXPECT_FALSE(cgroups_.frozen(name_));
  ASSERT_TRUE(cgroups_.freeze(name_, Milliseconds(5000)));
  ASSERT_TRUE(cgroups_.kill(name_, Milliseconds(5000)));

  EXPECT_THAT(*cgroups_.members(name_), IsEmpty());
  EXPECT_FALSE(crun::facts_of(pid));
}

TEST_F(RealVersionTwo, KillsAndRemovesNestedGroups) {
  process_in_it();
  const auto inner = cgroups_.open_count_only(name_ + "/inner");
  ASSERT_TRUE(inner) << inner.error().message;

  ASSERT_TRUE(cgroups_.kill(name_, Milliseconds(5000)));

  EXPECT_TRUE(cgroups_.remove(name_, Milliseconds(5000)));
}

}  // namespace mayfly::test
