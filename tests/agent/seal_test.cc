// What the guest's root can do to the agent: not end it, and not look into it.

#include <csignal>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent/sealed_agent.h"

namespace mayfly::test {
namespace {

/// After the second answer every signal that was sent before was read: the first process's end is one itself.
bool lives(GivenAgent& agent) {
  for (int i = 0; i < 2; ++i)
    if (!agent.try_run({.argv = {"true"}})) return false;
  return true;
}

/// As sigqueue, with any sender that we like.
int send_forged(int signal) {
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  info.si_pid = 0;
  info.si_uid = 65534;
  return static_cast<int>(::syscall(SYS_rt_sigqueueinfo, 1, signal, &info));
}

TEST(AgentSeal, NoSignalFromInsideEndsTheFirstProcess) {
  GivenAgent agent({}, seal);
  const auto first = first_process(agent);

  for (int signal = 1; signal <= 64; ++signal) {
    EXPECT_EQ(beside(first, [&] { return ::kill(1, signal); }), 0) << signal;
    ASSERT_TRUE(lives(agent)) << signal;
  }
  EXPECT_EQ(agent.sh("kill -TERM 1; kill -INT 1; kill -TERM -1").process.running, false);
  EXPECT_TRUE(lives(agent));
}

TEST(AgentSeal, NoForgedSenderEndsTheFirstProcess) {
  GivenAgent agent({}, seal);
  const auto first = first_process(agent);

  EXPECT_EQ(beside(first, [] { return send_forged(SIGTERM); }), 0);
  EXPECT_TRUE(lives(agent));
  // A signal of the kernel's, which carries no sender.
  EXPECT_EQ(beside(first, [] {
              int ends[2];
              if (::pipe(ends) != 0 || ::fcntl(ends[0], F_SETOWN, 1) != 0) return 1;
              if (::fcntl(ends[0], F_SETSIG, SIGTERM) != 0) return 2;
              if (::fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK) != 0) return 3;
              return ::write(ends[1], "x", 1) == 1 ? 0 : 4;
            }), 0);
  EXPECT_TRUE(lives(agent));
  // Without room for what comes with a signal, the kernel forgets who sent it.
  EXPECT_EQ(beside(first, [] {
              const rlimit none{};
              if (::prlimit(1, RLIMIT_SIGPENDING, &none, nullptr) != 0) return 1;
              return send_forged(SIGTERM) == 0 ? 0 : 2;
            }), 0);
  EXPECT_TRUE(lives(agent));
}

TEST(AgentSeal, ASignalFromOutsideEndsTheFirstProcess) {
  for (int signal : {SIGTERM, SIGINT}) {
    GivenAgent agent({}, seal);
    const auto first = first_process(agent);
    const auto process = agent.spawn_sh("exec sleep 600");

    ASSERT_EQ(::kill(first, signal), 0);

    EXPECT_EQ(agent.wait(process.id).error().code, Code::unavailable);
  }
}

TEST(AgentSeal, NobodyInsideCanLookIntoTheAgent) {
  GivenAgent agent({}, seal);
  const auto first = first_process(agent);
  const auto proc = "/proc/" + std::to_string(first) + "/";
  const auto opens = [&](const std::string& file, int flags) {
    return beside(first, [&] { return ::open((proc + file).c_str(), flags) < 0 ? 0 : 1; });
  };

  for (const char* file : {"environ", "mem", "maps", "auxv", "root/", "cwd/", "exe"})
    EXPECT_EQ(opens(file, O_RDONLY), 0) << file;
  for (const char* link : {"fd/3", "exe", "root"})
    EXPECT_EQ(beside(first, [&] {
                char target[64];
                return ::readlink((proc + link).c_str(), target, sizeof target) < 0 ? 0 : 1;
              }), 0) << link;
  EXPECT_EQ(opens("mem", O_RDWR), 0);
  EXPECT_EQ(beside(first, [] { return ::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr) < 0 ? 0 : 1; }), 0);
  EXPECT_EQ(beside(first, [] { return ::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr) < 0 ? 0 : 1; }), 0);
  EXPECT_EQ(beside(first, [] {
              const int agent = static_cast<int>(::syscall(SYS_pidfd_open, 1, 0));
              return agent >= 0 && ::syscall(SYS_pidfd_getfd, agent, 3, 0) < 0 ? 0 : 1;
            }), 0);
  EXPECT_EQ(beside(first, [] {
              char byte = 0;
              iovec here{&byte, 1}, there{reinterpret_cast<void*>(0x400000), 1};
              return ::process_vm_readv(1, &here, 1, &there, 1, 0) < 0 && errno == EPERM ? 0 : 1;
            }), 0);
}

TEST(AgentSeal, WhatItStartsIsOpenAsUsual) {
  GivenAgent agent({}, seal);

  const auto result = agent.sh("read self rest < /proc/self/stat &&"
                               " cat /proc/$self/environ /proc/$self/maps > /dev/null &&"
                               " ls -l /proc/$self/fd > /dev/null && echo x > /proc/self/fd/1");

  EXPECT_EQ(result.process.exit_code, 0) << result.err.bytes;
}

}  // namespace
}  // namespace mayfly::test
