#include "driver/crun/launch.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/crun/clone.h"
#include "driver/crun/processes.h"

namespace mayfly::crun {

namespace {

constexpr int listener_inside = 3;

/// Everything the child needs, made before it exists: between clone and exec it may not allocate.
struct Child {
  int program;
  char* const* argv;
  char* const* env;
  const char* cover;
  int listener, lock, helpers, nothing;
  int trouble = 0;               // the errno of the step that failed, written by the child into shared memory
  const char* step = "";
};

bool keep_open(int fd) { return ::fcntl(fd, F_SETFD, 0) == 0; }

/// Runs in memory shared with the parent, which stands still until exec: system calls only. Its frame never returns, so
/// no sanitizer may keep books of it.
[[gnu::no_sanitize("address", "thread", "undefined")]] int become_crun(void* argument) {
  auto& child = *static_cast<Child*>(argument);
  const auto give_up = [&](const char* step) {
    child.trouble = errno;
    child.step = step;
    return 127;
  };
  struct sigaction by_default {};
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &by_default, nullptr);
  // A write of 0 means the writer; crun then puts the sandbox into groups of its own.
  if (child.helpers >= 0 && ::write(child.helpers, "0", 1) < 0) return give_up("enter the helpers' cgroup");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return give_up("leave mount propagation");
  if (child.cover && ::mount("tmpfs", child.cover, "tmpfs", 0, "size=64k") != 0) return give_up("cover cgroup v2");
  for (int fd = 0; fd < 3; ++fd)
    if (::dup2(child.nothing, fd) < 0) return give_up("take /dev/null");
  if (::dup2(child.listener, listener_inside) < 0) return give_up("pass the listener");
  if (child.lock >= 0 && !keep_open(child.lock)) return give_up("keep the lock");
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::fexecve(child.program, child.argv, child.env);
  // A script around crun: its interpreter could not open what is closed by then.
  if (errno == ENOENT) ::execve(child.argv[0], child.argv, child.env);
  return give_up("execute crun");
}

/// A copy far from the numbers that are given away, so that dup2 onto them always makes a new, inheritable one.
Result<os::Fd> high_copy(int fd) {
  os::Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 10));
  if (!copy) return tl::unexpected(errno_error(errno, "copy a descriptor for crun"));
  return copy;
}

Result<int> await_child(pid_t pid, const CrunCall& call) {
  const auto handle = pidfd_of(pid);
  bool in_time = true;
  if (handle) {
    pollfd wait{handle.get(), POLLIN, 0};
    int ready;
    while ((ready = ::poll(&wait, 1, static_cast<int>(call.patience.count()))) < 0 && errno == EINTR) continue;
    in_time = ready != 0;
    if (!in_time) ::syscall(SYS_pidfd_send_signal, handle.get(), SIGKILL, nullptr, 0);
  }
  int status = 0;
  pid_t waited;
  while ((waited = ::waitpid(pid, &status, 0)) < 0 && errno == EINTR) continue;
  if (!in_time)
    return fail(Code::timed_out,
                "run " + call.argv[0] + ": not done in " + std::to_string(call.patience.count()) + " ms");
  if (waited < 0) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(Code::invalid, "socket " + path + ": the path is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> all;
  for (const auto& word : words) all.push_back(const_cast<char*>(word.c_str()));
  all.push_back(nullptr);
  return all;
}

}  // namespace

Result<os::Fd> program_in_memory(const std::string& path) {
  const auto bytes = TRY(os::read_file(path));
  os::Fd copy(::memfd_create("crun", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy) return tl::unexpected(errno_error(errno, "keep " + path + " in memory"));
  TRY(os::write_all(copy.get(), bytes));
  // All four, or crun does not take it for a safe copy of itself.
  if (::fcntl(copy.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
    return tl::unexpected(errno_error(errno, "seal the copy of " + path));
  return copy;
}

Result<int> run_crun(const CrunCall& call) {
  const auto argv = pointers(call.argv);
  // Nothing of the server's own environment, which may hold its first key.
  const std::vector<std::string> settings{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                          "_LIBCONTAINER_STATEDIR=" + call.scratch};
  const auto env = pointers(settings);
  const auto program = TRY(high_copy(call.program));
  const auto nothing = TRY(os::open("/dev/null", O_RDWR));
  const auto nothing_high = TRY(high_copy(nothing.get()));
  const auto listener = TRY(high_copy(call.listener));
  const auto lock = call.lock_fd >= 0 ? TRY(high_copy(call.lock_fd)) : os::Fd();
  const auto helpers = call.helpers >= 0 ? TRY(high_copy(call.helpers)) : os::Fd();

  Child child{.program = program.get(), .argv = argv.data(), .env = env.data(),
              .cover = call.cover.empty() ? nullptr : call.cover.c_str(), .listener = listener.get(),
              .lock = lock.get(), .helpers = helpers.get(), .nothing = nothing_high.get()};
  std::array<char, 65536> stack;
  // No handler of this process may run in the child, where it would see this process's memory.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::__clone(become_crun, stack.data() + stack.size(),
                              CLONE_VM | CLONE_VFORK | CLONE_NEWNS | SIGCHLD, &child);
  const int clone_trouble = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return tl::unexpected(errno_error(clone_trouble, "start " + call.argv[0]));

  auto ended = await_child(pid, call);
  if (child.trouble)
    return tl::unexpected(errno_error(child.trouble, std::string(child.step) + " for " + call.argv[0]));
  return ended;
}

Result<os::Fd> listen_unix(const std::string& folder, const std::string& name) {
  const auto parent = TRY(os::open(folder, O_PATH | O_DIRECTORY));
  const auto path = "/proc/self/fd/" + std::to_string(parent.get()) + "/" + name;
  const auto address = TRY(address_of(path));
  os::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  constexpr int backlog = 128;
  if (!listener || ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), backlog) != 0)
    return tl::unexpected(errno_error(errno, "listen at " + folder + "/" + name));
  return listener;
}

Status connect_unix(const std::string& path) {
  const auto address = TRY(address_of(path));
  const os::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return tl::unexpected(errno_error(errno, "connect to " + path));
  return {};
}

}  // namespace mayfly::crun
