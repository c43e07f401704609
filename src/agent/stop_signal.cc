#include "agent/stop_signal.h"

#include <cstdlib>

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/fd.h"

namespace mayfly::agent {

namespace {

/// A user namespace that maps less than everything to itself has a root of its own.
bool has_root_of_its_own() {
  const Fd file(::open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC));
  char map[256] = {};
  if (!file || ::read(file.get(), map, sizeof map - 1) <= 0) return false;
  char* at = map;
  for (unsigned long whole : {0UL, 0UL, 4'294'967'295UL})
    if (std::strtoul(at, &at, 10) != whole) return true;
  return false;
}

}  // namespace

StopRule::StopRule() : first_(::getpid() == 1), foreign_root_(has_root_of_its_own()) {}

// What the kernel says of a sender, as tried on 6.18:
//   kill, pidfd_send_signal  SI_USER and the sender's pid in our namespace: 0 for an ancestor namespace, and only then
//   sigqueue                 a negative code, and pid and uid as the sender likes to have them: 0 proves nothing
//   fcntl(F_SETSIG)          POLL_IN and its like with no pid at all, which reads as 0
// No process may give another one's signal the code SI_USER, so code and pid together are proof; but for one hole:
// when the user has used up RLIMIT_SIGPENDING, the kernel delivers a sigqueued SIGTERM without what came with it, and
// that reads as SI_USER, pid 0, uid 0. But the host's root, not being mapped in a sandbox, reads as the overflow uid.
bool StopRule::allows(const signalfd_siginfo& signal) const {
  if (signal.ssi_signo != SIGTERM && signal.ssi_signo != SIGINT) return false;
  if (!first_) return true;
  return signal.ssi_code == SI_USER && signal.ssi_pid == 0 && (signal.ssi_uid != 0 || !foreign_root_);
}

}  // namespace mayfly::agent
