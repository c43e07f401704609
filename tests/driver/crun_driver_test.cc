#include <csignal>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/crun/processes.h"
#include "driver/crun_world.h"
#include "os/file.h"

namespace mayfly::test {

using crun::Milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

std::vector<std::string> kinds(const std::vector<Found>& things) {
  std::vector<std::string> names;
  for (const auto& thing : things)
    if (names.empty() || names.back() != name(thing.what)) names.emplace_back(name(thing.what));
  return names;
}

}  // namespace

class CrunDriverTest : public CrunWorld {};

TEST_F(CrunDriverTest, StartsASandboxThatRunsCommands) {
  const auto sandbox = started();

  const auto answer = inside(sandbox, "echo hello; id -u; hostname");

  EXPECT_EQ(answer.out, "hello\n0\nsandbox\n") << answer.err;
  destroy(sandbox);
}

TEST_F(CrunDriverTest, StartsAnAgentThatOutlivesTheServer) {
  const auto sandbox = started();
  Command sleep;
  sleep.argv = {"/bin/sleep", "1000"};
  const auto before = agent_.spawn(sandbox.incarnation, sleep);
  ASSERT_TRUE(before) << before.error().message;
  restart();

  const auto after = agent_.process(sandbox.incarnation, before->id);

  ASSERT_TRUE(after) << after.error().message;
  EXPECT_TRUE(after->running);
}

TEST_F(CrunDriverTest, GivesTheAgentTheEnvironmentOfImageAndSandbox) {
  auto sandbox = launch();
  sandbox.spec.env = {{"GREETING", "good \"day\""}, {"PATH", "/bin"}};
  ASSERT_TRUE(driver_->start(sandbox));

  const auto environment = *os::read_file("/proc/" + std::to_string(first_process(sandbox)) + "/environ");

  EXPECT_THAT(environment, HasSubstr("GREETING=good \"day\""));
  EXPECT_THAT(environment, HasSubstr("PATH=/bin"));
  EXPECT_THAT(environment, HasSubstr("HOME=/root"));
}

TEST_F(CrunDriverTest, KeepsTheDataFolderClosed) {
  const auto sandbox = started();

  struct stat info{};
  ASSERT_EQ(::stat(layout_.data.c_str(), &info), 0);

  EXPECT_EQ(info.st_mode & 07777, 0700u);
}

TEST_F(CrunDriverTest, AdoptsWhatRunsAlready) {
  const auto sandbox = started();
  const int first = first_process(sandbox);
  restart();

  const auto again = driver_->start(sandbox);

  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->adopted);
  EXPECT_EQ(first_process(sandbox), first);
}

TEST_F(CrunDriverTest, AdoptsAFrozenOneByThawingIt) {
  const auto sandbox = started();
  ASSERT_TRUE(driver_->freeze(sandbox.incarnation));

  const auto again = driver_->start(sandbox);

  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->adopted);
  EXPECT_FALSE(driver_->inspect(sandbox.incarnation)->frozen);
}

TEST_F(CrunDriverTest, StartsAnewWhenTheFirstProcessDied) {
  const auto sandbox = started();
  inside(sandbox, "echo kept > /note");
  const auto first = crun::pidfd_of(first_process(sandbox));
  ASSERT_EQ(::kill(first_process(sandbox), SIGKILL), 0);
  pollfd end{first.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&end, 1, 10'000), 1);

  const auto again = driver_->start(sandbox);

  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(inside(sandbox, "cat /note").out, "kept\n");
}

TEST_F(CrunDriverTest, KeepsTheLayerOverGenerations) {
  const auto first = started();
  inside(first, "echo kept > /note; rm /etc/hosts; rm -r /home; mkdir /home; chown 7:8 /note");
  ASSERT_TRUE(driver_->kill(first.incarnation));
  ASSERT_TRUE(driver_->release(first.incarnation));

  const auto second = started(2);

  EXPECT_EQ(inside(second, "cat /note; stat -c %u:%g /note; ls /etc/hosts 2>&1").out,
            "kept\n7:8\nls: /etc/hosts: No such file or directory\n");
}

TEST_F(CrunDriverTest, RefusesASecondGenerationBesideTheFirst) {
  const auto first = started();

  const auto second = driver_->start(launch(2));

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::busy);
  EXPECT_TRUE(driver_->inspect(first.incarnation)->running);
}

TEST_F(CrunDriverTest, FreezesAndThaws) {
  const auto sandbox = started();

  ASSERT_TRUE(driver_->freeze(sandbox.incarnation));
  EXPECT_TRUE(driver_->inspect(sandbox.incarnation)->frozen);
  ASSERT_TRUE(driver_->thaw(sandbox.incarnation));

  EXPECT_FALSE(driver_->inspect(sandbox.incarnation)->frozen);
  EXPECT_EQ(inside(sandbox, "echo awake").out, "awake\n");
}

TEST_F(CrunDriverTest, HasNothingToFreezeWhereNothingRuns) {
  EXPECT_EQ(driver_->freeze(launch().incarnation).error().code, Code::not_found);
  EXPECT_EQ(driver_->thaw(launch().incarnation).error().code, Code::not_found);
}

TEST_F(CrunDriverTest, KillsAFrozenSandbox) {
  const auto sandbox = started();
  inside(sandbox, "sleep 1000 & sleep 1000 &");
  ASSERT_TRUE(driver_->freeze(sandbox.incarnation));

  const auto killed = driver_->kill(sandbox.incarnation);

  ASSERT_TRUE(killed) << killed.error().message;
  EXPECT_FALSE(driver_->inspect(sandbox.incarnation)->running);
}

TEST_F(CrunDriverTest, KillsAForkBomb) {
  const auto sandbox = started();
  inside(sandbox, "(while true; do true & done) >/dev/null 2>&1 </dev/null &");

  const auto killed = driver_->kill(sandbox.incarnation);

  ASSERT_TRUE(killed) << killed.error().message;
  EXPECT_FALSE(driver_->inspect(sandbox.incarnation)->running);
}

TEST_F(CrunDriverTest, LeavesNoZombieToASubreaper) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const auto killed = started();
  const int killed_pid = first_process(killed);
  ASSERT_TRUE(driver_->kill(killed.incarnation));
  ASSERT_TRUE(driver_->release(killed.incarnation));

  const auto died = started(2);
  const int died_pid = first_process(died);
  ::kill(died_pid, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(died_pid), &info, WEXITED | WNOWAIT), 0);
  ASSERT_TRUE(driver_->kill(died.incarnation));
  const auto released = driver_->release(died.incarnation);
  ASSERT_TRUE(released) << released.error().message;

  EXPECT_FALSE(crun::facts_of(killed_pid));
  EXPECT_FALSE(crun::facts_of(died_pid));
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_F(CrunDriverTest, DoesNotReleaseWhatStillRuns) {
  const auto sandbox = started();

  const auto released = driver_->release(sandbox.incarnation);

  ASSERT_FALSE(released);
  EXPECT_EQ(released.error().code, Code::busy);
  EXPECT_THAT(released.error().message, HasSubstr("process " + std::to_string(first_process(sandbox))));
}

TEST_F(CrunDriverTest, NamesTheProcessThatHoldsTheMount) {
  const auto sandbox = started();
  ASSERT_TRUE(driver_->kill(sandbox.incarnation));
  const pid_t holder = ::fork();
  if (holder == 0) {
    if (::chdir((layout_.run(sandbox.incarnation) + "/merged").c_str()) == 0) ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(holder, &status, WUNTRACED), holder);
  ASSERT_TRUE(WIFSTOPPED(status));

  const auto held = driver_->release(sandbox.incarnation);
  ::kill(holder, SIGKILL);
  ASSERT_EQ(::waitpid(holder, &status, 0), holder);
  const auto freed = driver_->release(sandbox.incarnation);

  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, Code::busy);
  EXPECT_THAT(held.error().message, HasSubstr("held by process " + std::to_string(holder)));
  EXPECT_TRUE(freed) << freed.error().message;
}

TEST_F(CrunDriverTest, DoesEveryActionTwice) {
  const auto sandbox = launch();
  const auto& incarnation = sandbox.incarnation;
  const struct {
    const char* name;
    std::function<Status()> act;
  } actions[] = {
      {"start", [&]() -> Status { TRY(driver_->start(sandbox)); return {}; }},
      {"freeze", [&] { return driver_->freeze(incarnation); }},
      {"thaw", [&] { return driver_->thaw(incarnation); }},
      {"kill", [&] { return driver_->kill(incarnation); }},
      {"release", [&] { return driver_->release(incarnation); }},
      {"discard", [&] { return driver_->discard(layer_of(sandbox), waiver(sandbox)); }},
      {"erase", [&] { return driver_->erase(layer_of(sandbox)); }},
  };

  for (const auto& action : actions)
    for (int pass : {1, 2}) {
      const auto done = action.act();
      EXPECT_TRUE(done) << action.name << ", pass " << pass << ": " << done.error().message;
    }

  EXPECT_THAT(*driver_->inventory(), IsEmpty());
}

TEST_F(CrunDriverTest, RemovesWhatNeverWas) {
  const auto sandbox = launch();

  EXPECT_TRUE(driver_->kill(sandbox.incarnation));
  EXPECT_TRUE(driver_->release(sandbox.incarnation));
  EXPECT_TRUE(driver_->discard(layer_of(sandbox), waiver(sandbox)));
  EXPECT_TRUE(driver_->erase(layer_of(sandbox)));
}

TEST_F(CrunDriverTest, TellsWhatIsLeftAtEveryStage) {
  const auto sandbox = started();

  EXPECT_THAT(kinds(driver_->inspect(sandbox.incarnation)->left),
              ElementsAre("process", "cgroup", "mount", "runtime state", "run folder", "socket"));
  ASSERT_TRUE(driver_->kill(sandbox.incarnation));
  EXPECT_THAT(kinds(driver_->inspect(sandbox.incarnation)->left),
              ElementsAre("cgroup", "mount", "runtime state", "run folder", "socket"));
  ASSERT_TRUE(driver_->release(sandbox.incarnation));
  EXPECT_THAT(driver_->inspect(sandbox.incarnation)->left, IsEmpty());
  EXPECT_THAT(kinds(*driver_->inventory()), ElementsAre("layer"));
  ASSERT_TRUE(driver_->discard(layer_of(sandbox), waiver(sandbox)));
  EXPECT_THAT(kinds(*driver_->inventory()), ElementsAre("trash"));
  ASSERT_TRUE(driver_->erase(layer_of(sandbox)));
  EXPECT_THAT(*driver_->inventory(), IsEmpty());
}

TEST_F(CrunDriverTest, SeesNothingOfAnotherInstance) {
  TemporaryFolder folder;
  auto options = this->options();
  options.data = folder.path() + "/data";
  options.instance = fresh_instance();
  const auto other = CrunDriver::open(options);
  ASSERT_TRUE(other) << other.error().message;
  const auto sandbox = started();

  EXPECT_THAT(*(*other)->inventory(), IsEmpty());
  EXPECT_EQ((*other)->kill(sandbox.incarnation).error().code, Code::invalid);
  auto same_uid = sandbox.incarnation;
  same_uid.instance = options.instance;
  EXPECT_TRUE((*other)->kill(same_uid));
  EXPECT_TRUE((*other)->release(same_uid));

  EXPECT_TRUE(driver_->inspect(sandbox.incarnation)->running);
}

TEST_F(CrunDriverTest, TellsTheUseOfDiskMemoryAndProcessor) {
  const auto sandbox = started();
  inside(sandbox, "dd if=/dev/zero of=/big bs=1M count=5 2>/dev/null");

  const auto usage = driver_->usage(sandbox.incarnation, 1);

  ASSERT_TRUE(usage) << usage.error().message;
  EXPECT_GE(usage->disk_bytes, 5 << 20);
  EXPECT_GT(usage->memory_bytes, 0);
  EXPECT_GT(usage->cpu_us, 0);
  EXPECT_GE(*driver_->cpu_time(sandbox.incarnation), usage->cpu_us);
}

TEST_F(CrunDriverTest, UsesNothingWhenItIsGone) {
  const auto usage = driver_->usage(launch().incarnation, 1);

  ASSERT_TRUE(usage) << usage.error().message;
  EXPECT_EQ(usage->disk_bytes + usage->memory_bytes + usage->cpu_us, 0);
}

TEST_F(CrunDriverTest, SaysThatTheDiskLimitIsWatched) {
  const auto answer = driver_->start(launch());

  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_THAT(answer->caveats, ::testing::Contains(HasSubstr("disk limit of 100 MiB: watched")));
}

TEST_F(CrunDriverTest, MakesNothingWithoutTheImage) {
  auto sandbox = launch();
  sandbox.spec.image_digest = "sha256:" + std::string(64, '0');

  const auto answer = driver_->start(sandbox);

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().reason, "image_missing");
  EXPECT_THAT(*driver_->inventory(), IsEmpty());
}

TEST_F(CrunDriverTest, TellsWhatCrunSaid) {
  auto options = this->options();
  options.agent = "/nowhere/agent";
  drive(options);

  const auto answer = driver_->start(launch());

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::internal);
  EXPECT_THAT(answer.error().message, HasSubstr("/nowhere/agent"));
  EXPECT_THAT(kinds(*driver_->inventory()), ElementsAre("layer"));
}

TEST_F(CrunDriverTest, TellsThatTheAgentEnded) {
  auto options = this->options();
  options.agent = "/bin/busybox";  // knows no applet of the agent's name
  options.probe = [](const Incarnation&) -> Status { return fail(Code::unavailable, "nobody listens"); };
  drive(options);

  const auto answer = driver_->start(launch());

  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("the agent ended before it answered"));
  EXPECT_THAT(kinds(*driver_->inventory()), ElementsAre("layer"));
}

TEST_F(CrunDriverTest, GivesUpOnAnAgentThatNeverAnswers) {
  auto options = this->options();
  options.probe = [](const Incarnation&) -> Status { return fail(Code::timed_out, "no word from it"); };
  options.start_patience = Milliseconds(1);
  drive(options);

  const auto answer = driver_->start(launch());

  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::unavailable);
  EXPECT_THAT(kinds(*driver_->inventory()), ElementsAre("layer"));
}

TEST_F(CrunDriverTest, WorksBelowALongPath) {
  const auto short_layout = layout_;
  layout_.data = folder_.path() + "/" + std::string(120, 'd') + "/" + std::string(120, 'e');
  ASSERT_TRUE(os::make_folders(layout_.data, 0700));
  ASSERT_EQ(::rename(short_layout.images().c_str(), layout_.images().c_str()), 0);
  restart();

  const auto sandbox = started();

  EXPECT_LT(driver_->agent_socket(sandbox.incarnation).size(), 108u);
  EXPECT_EQ(inside(sandbox, "echo hello").out, "hello\n");
  destroy(sandbox);
}

TEST_F(CrunDriverTest, MountsLayersByPathWhereTheKernelWantsIt) {
  auto options = this->options();
  options.layers_by = crun::LayersBy::path;
  drive(options);

  const auto sandbox = started();

  EXPECT_EQ(inside(sandbox, "echo text > /note && cat /note && stat -c %u /bin/busybox").out, "text\n0\n");
  struct stat info{};
  ASSERT_EQ(::stat((upper(sandbox) + "/note").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0u);
  destroy(sandbox);
}

}  // namespace mayfly::test
