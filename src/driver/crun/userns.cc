#include "driver/crun/userns.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/crun/clone.h"

namespace mayfly::crun {

namespace {

/// Stays until it is killed, or until the thread that made it is gone.
[[gnu::no_sanitize("address", "thread", "undefined")]] int hold_namespace(void* parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != *static_cast<const pid_t*>(parent)) return 1;
  for (;;) ::syscall(SYS_ppoll, nullptr, 0, nullptr, nullptr);
}

Result<os::Fd> open_mapped(pid_t pid, const IdRange& range) {
  const auto folder = "/proc/" + std::to_string(pid);
  const auto line = "0 " + std::to_string(range.base) + " " + std::to_string(range.size);
  for (const char* map : {"/uid_map", "/gid_map"}) {
    const auto fd = TRY(os::open(folder + map, O_WRONLY));
    if (::write(fd.get(), line.data(), line.size()) < 0)
      return tl::unexpected(errno_error(errno, "map user ids by " + folder + map + " to '" + line + "'"));
  }
  return os::open(folder + "/ns/user", O_RDONLY);
}

}  // namespace

Result<os::Fd> make_user_namespace(const IdRange& range) {
  std::array<char, 16384> stack;
  pid_t self = ::getpid();
  // No handler of this process may run in the child, where it would see this process's memory.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::__clone(hold_namespace, stack.data() + stack.size(), CLONE_VM | CLONE_NEWUSER | SIGCHLD, &self);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return tl::unexpected(errno_error(errno, "make a user namespace"));
  auto opened = open_mapped(pid, range);
  ::kill(pid, SIGKILL);
  // Its stack is this frame: it must be gone before the frame is.
  while (::waitpid(pid, nullptr, __WALL) < 0 && errno == EINTR) continue;
  return opened;
}

Result<std::uint32_t> IdRanges::take() {
  std::lock_guard lock(mutex_);
  for (std::uint32_t slot = 0; slot < slots_; ++slot)
    if (taken_.insert(slot).second) return slot;
  return fail(Code::exhausted, "take a range of user ids: all " + std::to_string(slots_) + " are in use");
}

void IdRanges::remember(std::uint32_t slot) {
  std::lock_guard lock(mutex_);
  taken_.insert(slot);
}

void IdRanges::give_back(std::uint32_t slot) {
  std::lock_guard lock(mutex_);
  taken_.erase(slot);
}

}  // namespace mayfly::crun
