// The server dies at every instruction that matters, and whoever comes after finds its way.
#include <cstdlib>
#include <sstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "driver/crun/processes.h"
#include "driver/crun_world.h"
#include "driver/memory_stream.h"
#include "os/file.h"

namespace mayfly::test {

using crun::Milliseconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

/// One action of a server that is going to die: this program again, which acts before any test begins.
struct Actor {
  Actor() {
    const char* wish = std::getenv("MAYFLY_CRUN_ACTOR");
    if (!wish) return;
    std::istringstream words(wish);
    std::string verb, uid, digest, tar;
    CrunOptions options;
    words >> verb >> options.data >> options.instance >> options.agent >> uid >> digest >> tar;
    auto driver = CrunDriver::open(options);
    if (!driver) std::_Exit(3);
    LaunchSpec launch;
    launch.incarnation = {options.instance, *parse_uuid(uid), 1};
    launch.spec.image_digest = digest;
    const LayerRef layer{options.instance, launch.incarnation.uid, 1};
    const auto done = [&]() -> Status {
      if (verb == "start") TRY((*driver)->start(launch));
      if (verb == "kill") TRY((*driver)->kill(launch.incarnation));
      if (verb == "release") TRY((*driver)->release(launch.incarnation));
      if (verb == "discard") TRY((*driver)->discard(layer, DeletePermit::from_waiver(layer, 1, EventId{"evt_1"})));
      if (verb == "erase") TRY((*driver)->erase(layer));
      if (verb == "import") {
        StringSource source(*os::read_file(tar));
        TRY((*driver)->import_layer(layer, source));
      }
      return {};
    }();
    std::_Exit(done ? 0 : 4);
  }
} actor;

std::vector<std::string> failpoints(const std::string& verb) {
  // These sandboxes mount no volume: that place is the crash story's (tests/e2e/crash_story.cc).
  constexpr std::string_view elsewhere = "crun.start.after_volume";
  std::vector<std::string> found;
  for (const auto name : failpoint::names())
    if (name.starts_with("crun." + verb + ".") && name != elsewhere) found.emplace_back(name);
  EXPECT_FALSE(found.empty()) << verb;
  return found;
}

}  // namespace

class CrunCrashTest : public CrunWorld {
 protected:
  /// Lets another process do one thing to the sandbox and die in the middle of it.
  void die_at(const std::string& failpoint, const std::string& verb, const LaunchSpec& launch,
              const std::string& tar = {}) {
    os::RunOptions run;
    run.argv = {"/proc/self/exe"};
    run.env = {"PATH=/usr/bin:/bin", "MAYFLY_FAILPOINT=" + failpoint,
               "MAYFLY_CRUN_ACTOR=" + verb + " " + layout_.data + " " + instance_ + " " + options().agent + " " +
                   hex(launch.incarnation.uid) + " " + launch.spec.image_digest + " " + tar};
    const auto outcome = os::run(run);
    ASSERT_TRUE(outcome) << outcome.error().message;
    ASSERT_EQ(outcome->exit_code, 128 + SIGKILL) << failpoint << " was not reached: " << outcome->err;
    restart();
  }

  std::string exported(const LaunchSpec& launch) {
    StringSink tar, manifest;
    EXPECT_TRUE(driver_->export_layer(layer_of(launch), {}, tar, manifest));
    const auto path = folder_.path() + "/layer.tar";
    EXPECT_TRUE(os::write_file(path, tar.text));
    return path;
  }
};

TEST_F(CrunCrashTest, AStartThatDiedIsStartedAgain) {
  for (const auto& failpoint : failpoints("start")) {
    const auto sandbox = launch_of(fresh_uid());
    die_at(failpoint, "start", sandbox);

    const auto again = driver_->start(sandbox);

    EXPECT_TRUE(again) << failpoint << ": " << again.error().message;
    EXPECT_EQ(inside(sandbox, "echo alive").out, "alive\n") << failpoint;
    destroy(sandbox);
    EXPECT_THAT(*driver_->inventory(), IsEmpty()) << failpoint;
  }
}

TEST_F(CrunCrashTest, AStartThatDiedIsTakenAway) {
  for (const auto& failpoint : failpoints("start")) {
    const auto sandbox = launch_of(fresh_uid());
    die_at(failpoint, "start", sandbox);

    EXPECT_TRUE(driver_->kill(sandbox.incarnation)) << failpoint;
    const auto released = driver_->release(sandbox.incarnation);

    EXPECT_TRUE(released) << failpoint << ": " << released.error().message;
    EXPECT_THAT(driver_->inspect(sandbox.incarnation)->left, IsEmpty()) << failpoint;
    destroy(sandbox);
  }
}

TEST_F(CrunCrashTest, AnEndThatDiedIsEndedAgain) {
  for (const std::string verb : {"kill", "release", "discard", "erase"})
    for (const auto& failpoint : failpoints(verb)) {
      const auto sandbox = launch_of(fresh_uid());
      ASSERT_TRUE(driver_->start(sandbox));
      if (verb != "kill") { EXPECT_TRUE(driver_->kill(sandbox.incarnation)) << failpoint; }
      if (verb == "discard" || verb == "erase") { EXPECT_TRUE(driver_->release(sandbox.incarnation)) << failpoint; }
      if (verb == "erase") { EXPECT_TRUE(driver_->discard(layer_of(sandbox), waiver(sandbox))) << failpoint; }
      die_at(failpoint, verb, sandbox);

      destroy(sandbox);

      EXPECT_THAT(*driver_->inventory(), IsEmpty()) << failpoint;
    }
}

TEST_F(CrunCrashTest, AnImportThatDiedIsNothingAndMayBeRepeated) {
  const auto source = started();
  inside(source, "echo precious > /note");
  ASSERT_TRUE(driver_->kill(source.incarnation));
  const auto tar = exported(source);
  for (const auto& failpoint : failpoints("import")) {
    const auto sandbox = launch_of(fresh_uid());
    die_at(failpoint, "import", sandbox, tar);

    StringSource again(*os::read_file(tar));
    const auto imported = driver_->import_layer(layer_of(sandbox), again);
    ASSERT_TRUE(imported) << failpoint << ": " << imported.error().message;
    ASSERT_TRUE(driver_->start(sandbox));

    EXPECT_EQ(inside(sandbox, "cat /note").out, "precious\n") << failpoint;
    destroy(sandbox);
  }
}

TEST_F(CrunCrashTest, ContainersHalfMadeByADyingCrunAreTakenAway) {
  // Somewhere in these few milliseconds lies every step of crun's own.
  for (int ms = 1; ms <= 24; ++ms) {
    const auto wrapper = folder_.path() + "/crun" + std::to_string(ms);
    ASSERT_TRUE(os::write_file(wrapper, "#!/bin/sh\nexec timeout -s KILL 0." + std::string(ms < 10 ? "00" : "0") +
                                            std::to_string(ms) + " crun \"$@\"\n", 0755));
    auto options = this->options();
    options.crun = wrapper;
    drive(options);
    const auto sandbox = launch_of(fresh_uid());

    (void)driver_->start(sandbox);
    const auto settled = driver_->settle_helpers(Milliseconds(0));
    EXPECT_TRUE(settled) << settled.error().message;
    destroy(sandbox);

    EXPECT_THAT(*driver_->inventory(), IsEmpty()) << ms;
  }
}

class CrunHelpersTest : public CrunCrashTest {
 protected:
  /// A crun that only tells what it was given.
  void use_crun(const std::string& script, int lock_fd) {
    ASSERT_TRUE(os::write_file(folder_.path() + "/crun", "#!/bin/sh\n" + script, 0755));
    auto options = this->options();
    options.crun = folder_.path() + "/crun";
    options.lock_fd = lock_fd;
    drive(options);
  }
  std::string told() { return os::read_file(folder_.path() + "/told").value_or(""); }
};

TEST_F(CrunHelpersTest, HoldTheLockAndCountAsHelpers) {
  const auto lock = os::open(folder_.path() + "/lock", O_RDWR | O_CREAT, 0600);
  ASSERT_TRUE(lock);
  use_crun("ls -l /proc/self/fd /sys/fs/cgroup/unified > " + folder_.path() + "/told; cat /proc/self/cgroup >> " +
               folder_.path() + "/told; exit 1\n",
           lock->get());

  EXPECT_FALSE(driver_->start(launch()));

  EXPECT_THAT(told(), HasSubstr(folder_.path() + "/lock"));
  EXPECT_THAT(told(), HasSubstr("/mayfly-" + instance_ + "-helpers"));
}

TEST_F(CrunHelpersTest, AreKilledWhenTheyDoNotSettleAndSandboxesAreNot) {
  const auto sandbox = started();
  // What a dying server leaves behind: crun still at work, its parent gone.
  const auto group = crun::Cgroups().open_count_only(layout_.helpers_of(launch_of(fresh_uid()).incarnation));
  ASSERT_TRUE(group) << group.error().message;
  const pid_t helper = ::fork();
  if (helper == 0) {
    if (::write(group->get(), "0", 1) == 1) ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(helper, &status, WUNTRACED), helper);
  ASSERT_TRUE(WIFSTOPPED(status));

  const auto settled = driver_->settle_helpers(Milliseconds(1));

  EXPECT_TRUE(settled) << settled.error().message;
  EXPECT_THAT(*crun::Cgroups().members(layout_.helpers()), IsEmpty());
  EXPECT_TRUE(driver_->inspect(sandbox.incarnation)->running);
}

TEST_F(CrunHelpersTest, SettleAtOnceWhenThereAreNone) { EXPECT_TRUE(driver_->settle_helpers()); }

}  // namespace mayfly::test
