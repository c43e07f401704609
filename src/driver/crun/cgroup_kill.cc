#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/crun/cgroups.h"
#include "driver/crun/processes.h"

namespace mayfly::crun {

namespace {

using Clock = std::chrono::steady_clock;

// The first process of a pid namespace ends after all others, so a few handles are enough to wait on.
constexpr std::size_t most_handles = 16;
// A round ends after this long even if no handle moved: processes may have come after it began.
constexpr Milliseconds round_limit{50};

/// Kills the process if it is (still) in the group; the handle pins it, so a reused pid is never hit.
os::Fd kill_member(pid_t pid, const std::string& name) {
  auto handle = pidfd_of(pid);
  if (!handle || !in_cgroup(pid, name)) return {};
  ::syscall(SYS_pidfd_send_signal, handle.get(), SIGKILL, nullptr, 0);
  return handle;
}

void await_end(const std::vector<os::Fd>& handles, Clock::time_point deadline) {
  for (const auto& handle : handles) {
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now()).count();
    pollfd wait{handle.get(), POLLIN, 0};
    ::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    // A child of this process (a subreaper gets them) stays a zombie until somebody asks; others answer ECHILD.
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(handle.get()), &info, WEXITED | WNOHANG | __WALL);
  }
}

}  // namespace

Status Cgroups::kill(const std::string& name, Milliseconds patience) const {
  const auto deadline = Clock::now() + patience;
  for (;;) {
    // One hierarchy is enough to find them in; that none is left is asked of all.
    auto pids = TRY(members_in_one(name));
    if (pids.empty()) pids = TRY(members(name));
    if (pids.empty()) return {};
    if (Clock::now() > deadline)
      return fail(Code::busy, "kill " + name + ": still there is " + describe_process(pids.front()));

    if (mode_ == Mode::v2) {
      os::Fd all(::open(file({}, name, "cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
      if (all && ::write(all.get(), "1", 1) < 0 && errno != ENOENT)
        return tl::unexpected(errno_error(errno, "write cgroup.kill of " + name));
    }
    std::vector<os::Fd> handles;
    for (pid_t pid : pids) {
      auto handle = kill_member(pid, name);
      if (handle && handles.size() < most_handles) handles.push_back(std::move(handle));
    }
    // A frozen process holds its SIGKILL until it is thawed, and thawing first would let it run.
    if (frozen(name)) {
      auto thawed = set_frozen(name, false, std::min(patience, Milliseconds(1000)));
      if (!thawed && thawed.error().code != Code::not_found) return thawed;
    }
    await_end(handles, std::min(deadline, Clock::now() + round_limit));
    // Nothing to wait on: the members are out of reach (another pid namespace's numbers, or a stale list).
    if (handles.empty()) ::poll(nullptr, 0, 1);
  }
}

}  // namespace mayfly::crun
