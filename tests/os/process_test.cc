#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "os/process.h"
#include "os/support.h"

namespace mayfly::os::testing {
namespace {

using ::testing::HasSubstr;
using std::chrono::milliseconds;

RunOptions shell(const std::string& line) {
  RunOptions options;
  options.argv = {"sh", "-c", line};
  return options;
}

TEST(Run, TellsOutputErrorsAndExitCode) {
  auto outcome = run(shell("echo out; echo err >&2; exit 3"));

  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->out, "out\n");
  EXPECT_EQ(outcome->err, "err\n");
  EXPECT_EQ(outcome->exit_code, 3);
}

TEST(Run, TellsASignalAsAShellDoes) { EXPECT_EQ(run(shell("kill -TERM $$"))->exit_code, 128 + SIGTERM); }

TEST(Run, SaysWhatCouldNotBeRun) {
  RunOptions options;
  options.argv = {"no-such-program-anywhere"};
  EXPECT_EQ(run(options).error().code, Code::not_found);
  EXPECT_THAT(run(options).error().message, HasSubstr("no-such-program-anywhere"));

  options.argv = {"/"};
  EXPECT_EQ(run(options).error().code, Code::denied);

  options = shell("true");
  options.cwd = "/no/such/folder";
  EXPECT_THAT(run(options).error().message, HasSubstr("/no/such/folder"));
}

TEST(Run, GivesInputFolderAndEnvironment) {
  TempFolder folder;
  RunOptions options = shell("cat; pwd; echo $A");
  options.input = std::string(300'000, 'i') + "\n";
  options.cwd = folder.path();
  options.env = {"A=b", "PATH=/usr/bin:/bin"};

  auto outcome = run(options);

  EXPECT_EQ(outcome->out, options.input + folder.path() + "\nb\n");
}

TEST(Run, IsNotHeldUpByAProgramThatIgnoresItsInput) {
  RunOptions options = shell("exec 0<&-; echo done");
  options.input = std::string(10 << 20, 'i');

  EXPECT_EQ(run(options)->out, "done\n");
}

TEST(Run, KeepsTheBeginningOfLongOutputAndReadsTheRest) {
  RunOptions options = shell("head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2; echo end");
  options.output_limit = 1000;

  auto outcome = run(options);

  EXPECT_EQ(outcome->exit_code, 0);
  EXPECT_EQ(outcome->out.size(), 1000u);
  EXPECT_EQ(outcome->err.size(), 1000u);
}

TEST(Run, KillsTheWholeGroupWhenTimeIsUp) {
  TempFolder folder;
  // Both hold the lock; it is free when both are gone.
  RunOptions options = shell("exec 9>" + (folder / "lock") + "; flock 9; echo held; sleep 1000 & sleep 1000");
  options.timeout = milliseconds(300);

  auto outcome = run(options);

  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::timed_out);
  RunOptions probe;
  probe.argv = {"flock", "-w", "60", folder / "lock", "true"};
  EXPECT_EQ(run(probe)->exit_code, 0);
}

TEST(Run, EndsAStreamWithoutEnd) {
  RunOptions options;
  options.argv = {"yes"};
  options.timeout = milliseconds(200);

  EXPECT_EQ(run(options).error().code, Code::timed_out);
}

TEST(Run, DoesNotWaitForAGrandchildThatKeepsThePipesOpen) {
  RunOptions options = shell("sleep 1000 & echo $!");

  auto outcome = run(options);

  ASSERT_TRUE(outcome);
  const pid_t left = std::stoi(outcome->out);
  EXPECT_EQ(outcome->exit_code, 0);
  EXPECT_EQ(::kill(left, SIGKILL), 0);
}

TEST(Run, PassesDescriptorsInOrderAndNoOthers) {
  TempFolder folder;
  put(folder / "a", "aaa");
  put(folder / "b", "bbb");
  const Fd stray(::open("/dev/null", O_RDONLY));   // without close-on-exec
  Fd a(::open((folder / "a").c_str(), O_RDONLY | O_CLOEXEC));
  Fd b(::open((folder / "b").c_str(), O_RDONLY | O_CLOEXEC));
  RunOptions options = shell("cat <&3; cat <&4; cat <&5; ls /proc/self/fd | wc -l");
  for (const auto& order : std::vector<std::vector<int>>{{a.get(), b.get(), a.get()}, {b.get(), a.get(), b.get()}}) {
    ::lseek(a.get(), 0, SEEK_SET);
    ::lseek(b.get(), 0, SEEK_SET);
    options.pass = order;
    // 0, 1, 2, the three, and the one by which ls reads the folder.
    EXPECT_EQ(run(options)->out, std::string(order[0] == a.get() ? "aaabbb" : "bbbaaa") + "7\n");
  }
}

TEST(Run, PassesADescriptorThatHasItsPlaceAlready) {
  // Whatever sits at 3 now, a pipe of the run itself may come to sit at the places of others.
  RunOptions options = shell("cat <&3");
  TempFolder folder;
  put(folder / "a", "aaa");
  const int kept = ::fcntl(3, F_DUPFD_CLOEXEC, 100);
  const Fd a(::open((folder / "a").c_str(), O_RDONLY | O_CLOEXEC));
  must(::dup3(a.get(), 3, O_CLOEXEC) == 3 || a.get() == 3, "dup3");
  options.pass = {3};

  EXPECT_EQ(run(options)->out, "aaa");

  if (kept >= 0) {
    ::dup3(kept, 3, O_CLOEXEC);
    ::close(kept);
  } else if (a.get() != 3) {
    ::close(3);
  }
}

TEST(Run, PreparesTheChildAndTellsWhenThatFails) {
  RunOptions options = shell("umask");
  options.in_child = [] {
    ::umask(0123);
    return 0;
  };
  EXPECT_EQ(run(options)->out, "0123\n");

  options.in_child = [] { return EBUSY; };
  EXPECT_EQ(run(options).error().code, Code::busy);
}

TEST(Run, EndsAPreparationThatHangs) {
  RunOptions options = shell("true");
  options.timeout = milliseconds(200);
  options.in_child = [] {
    for (;;) ::pause();
    return 0;
  };

  EXPECT_EQ(run(options).error().code, Code::timed_out);
}

TEST(Run, GivesTheChildCleanSignals) {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t block, before;
  sigemptyset(&block);
  sigaddset(&block, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &block, &before);

  auto outcome = run(shell("grep -E '^Sig(Blk|Ign)' /proc/self/status"));

  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  EXPECT_EQ(outcome->out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Run, WorksFromManyThreadsAtOnce) {
  std::vector<std::string> outs(8);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < outs.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 10; ++round) {
        auto outcome = run(shell("echo " + std::to_string(i)));
        outs[i] += outcome ? outcome->out : outcome.error().message;
      }
    });
  }
  for (auto& thread : threads) thread.join();

  for (std::size_t i = 0; i < outs.size(); ++i) {
    std::string expected;
    for (int round = 0; round < 10; ++round) expected += std::to_string(i) + "\n";
    EXPECT_EQ(outs[i], expected);
  }
}

TEST(Run, IsEndedByItsWatchWhichHasSeenWhatItSaid) {
  auto options = shell("echo begun; exec sleep 1000");
  std::string seen;
  options.watch = [&](std::string_view out) -> Status {
    seen = out;
    if (seen == "begun\n") return fail(Code::no_space, "enough");
    return {};
  };

  const auto outcome = run(options);

  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::no_space);
  EXPECT_EQ(outcome.error().message, "enough");
}

TEST(Run, IsLeftAloneByAWatchThatHasNoObjection) {
  auto options = shell("sleep 0.5; echo done; exit 4");
  int looks = 0;
  options.watch = [&](std::string_view) -> Status {
    ++looks;
    return {};
  };

  const auto outcome = run(options);

  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->exit_code, 4);
  EXPECT_EQ(outcome->out, "done\n");
  EXPECT_GT(looks, 0);
}

}  // namespace
}  // namespace mayfly::os::testing
