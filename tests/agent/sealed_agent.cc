#include "agent/sealed_agent.h"

#include <fstream>

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mayfly::test {

namespace {

int wait_for(pid_t child) {
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Only a process of the outer namespace may map more than itself.
void enter_user_namespace(int flags) {
  int entered[2];
  CHECK(::pipe(entered) == 0);
  const pid_t self = ::getpid(), helper = fork_alone();
  if (helper == 0) {
    ::close(entered[1]);  // else it would wait for itself when the other one dies
    char byte = 0;
    CHECK(::read(entered[0], &byte, 1) == 1);
    for (const char* map : {"uid_map", "gid_map"}) {
      std::ofstream file("/proc/" + std::to_string(self) + "/" + map);
      CHECK(file << "0 100000 65536" << std::flush);
    }
    ::_exit(0);
  }
  CHECK(::unshare(CLONE_NEWUSER | flags) == 0);
  CHECK(::write(entered[1], "x", 1) == 1);
  CHECK(wait_for(helper) == 0);
  ::close(entered[0]);
  ::close(entered[1]);
}

void become_root() { CHECK(::setgroups(0, nullptr) == 0 && ::setresgid(0, 0, 0) == 0 && ::setresuid(0, 0, 0) == 0); }

void drop_trace_right() {
  CHECK(::prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE) == 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  CHECK(::syscall(SYS_capget, &header, sets) == 0);
  sets[0].effective &= ~(1U << CAP_SYS_PTRACE);
  sets[0].permitted &= ~(1U << CAP_SYS_PTRACE);
  CHECK(::syscall(SYS_capset, &header, sets) == 0);
}

void join(pid_t of, const char* type) {
  const int fd = ::open(("/proc/" + std::to_string(of) + "/ns/" + type).c_str(), O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0 && ::setns(fd, 0) == 0);
  ::close(fd);
}

}  // namespace

void seal() {
  enter_user_namespace(CLONE_NEWPID);
  const pid_t first = fork_alone();
  if (first == 0) {
    become_root();
    drop_trace_right();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return;
  }
  wait_for(first);
  ::_exit(0);
}

pid_t first_process(GivenAgent& agent) {
  // This /proc is the host's, with the host's numbers.
  const auto status = agent.run({.argv = {"/bin/cat", "/proc/self/status"}}).out.bytes;
  const auto at = status.find("\nPPid:\t");
  CHECK(at != status.npos);
  return std::stoi(status.substr(at + 7));
}

int beside(pid_t first, const std::function<int()>& act) {
  const pid_t outer = ::fork();
  if (outer != 0) return wait_for(outer);
  // The pid namespace is entered by the next child.
  join(first, "pid");
  join(first, "user");
  const pid_t inner = ::fork();
  if (inner != 0) ::_exit(wait_for(inner));
  become_root();
  drop_trace_right();
  ::_exit(act());
}

}  // namespace mayfly::test
