// mayfly-agent: PID 1 of a sandbox. It speaks on the listening socket that it inherits as descriptor 3 and starts
// nothing of its own accord.

#include <cerrno>
#include <cstdio>
#include <memory>
#include <new>

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/process_table.h"
#include "agent/session.h"
#include "agent/stop_signal.h"

namespace mayfly::agent {

namespace {

constexpr int listener = 3;
constexpr std::size_t thread_stack = 256 << 10;  // address space; what is not used costs nothing
constexpr rlim_t most_open_files = 16'384;

bool is_listening() {
  int listening = 0;
  socklen_t size = sizeof listening;
  return ::getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening == 1;
}

/// Nothing we open may get a number below 3: such a descriptor could not be given to a process by dup2.
void fill_standard_descriptors() {
  for (int fd = 0; fd < 3; ++fd)
    if (::fcntl(fd, F_GETFD) < 0) {
      const int file = ::open("/dev/null", O_RDWR);
      if (file < 0) ::memfd_create("none", 0);
    }
}

void keep_inherited_descriptors_from_processes() { ::close_range(listener, ~0U, CLOSE_RANGE_CLOEXEC); }

/// /dev/null, opened before any guest could put something else there.
Fd open_no_input() {
  Fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3)) return Fd();
  return file;
}

/// Raises our own limit of open files and answers with what it was: processes get that.
rlimit raise_open_files() {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit raised = before;
  raised.rlim_cur = std::max(before.rlim_cur, std::min(before.rlim_max, most_open_files));
  ::setrlimit(RLIMIT_NOFILE, &raised);
  return before;
}

/// All signals are blocked, in all threads; SIGCHLD and the wishes to stop arrive as reads of this descriptor.
Fd take_signals() {
  sigset_t all, wanted;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  ::sigemptyset(&wanted);
  for (int signal : {SIGCHLD, SIGTERM, SIGINT}) ::sigaddset(&wanted, signal);
  return Fd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
}

struct Connection {
  Channel channel;
  Shared& shared;
};

void* serve_connection(void* given) {
  const std::unique_ptr<Connection> connection(static_cast<Connection*>(given));
  auto& shared = connection->shared;
  try {
    serve(std::move(connection->channel), shared);
  } catch (const std::bad_alloc&) {
    // The caller sees its connection end; the sandbox goes on.
  }
  --shared.connections;
  return nullptr;
}

void serve_in_thread(Fd socket, Shared& shared, const pthread_attr_t& attributes) {
  Channel channel(std::move(socket));
  if (++shared.connections > connection_limit) {
    static_cast<void>(channel.send_error(
        {Code::exhausted, "the agent serves " + std::to_string(connection_limit) + " connections already", {}, {}}));
    --shared.connections;
    return;
  }
  auto connection = std::make_unique<Connection>(Connection{std::move(channel), shared});
  pthread_t thread;
  if (::pthread_create(&thread, &attributes, serve_connection, connection.get()) == 0) {
    static_cast<void>(connection.release());
    return;
  }
  static_cast<void>(connection->channel.send_error({Code::exhausted, "the sandbox has no room for a thread", {}, {}}));
  --shared.connections;
}

/// True when we shall stop.
bool take_signal(int signals, const StopRule& rule, ProcessTable& processes) {
  signalfd_siginfo info{};
  bool stop = false;
  while (::read(signals, &info, sizeof info) == sizeof info) stop |= rule.allows(info);
  processes.reap();
  return stop;
}

void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = static_cast<std::uint64_t>(fd);  // never an address of a Pipe
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

struct Loop {
  Shared& shared;
  const int signals;
  const StopRule rule{};
  pthread_attr_t attributes{};
  Fd spare{::epoll_create1(EPOLL_CLOEXEC)};

  void handle(const epoll_event& event) {
    auto& processes = shared.processes;
    if (event.data.u64 == listener) return accept_connection();
    if (event.data.u64 == std::uint64_t(processes.timer())) return processes.kill_overdue();
    if (event.data.u64 != std::uint64_t(signals)) return processes.pump(static_cast<Pipe*>(event.data.ptr));
    if (!take_signal(signals, rule, processes)) return;
    processes.kill_all();
    // Not exit: threads still serve, with what it would destroy.
    ::_exit(0);
  }

  void accept_connection() {
    Fd socket(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (socket) return serve_in_thread(std::move(socket), shared, attributes);
    if (errno != EMFILE && errno != ENFILE) return;
    // Without a descriptor we could not even send the caller away: it would wait and we would spin.
    spare.reset();
    Fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)).reset();
    spare = Fd(::epoll_create1(EPOLL_CLOEXEC));
  }
};

[[noreturn]] void run() {
  const Fd signals = take_signals();
  const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  const auto open_files = raise_open_files();
  ProcessTable processes(epoll.get(), open_no_input(), open_files);
  Shared shared{processes};
  Loop loop{shared, signals.get()};
  ::pthread_attr_init(&loop.attributes);
  ::pthread_attr_setdetachstate(&loop.attributes, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setstacksize(&loop.attributes, thread_stack);
  ::fcntl(listener, F_SETFL, O_NONBLOCK);
  for (int fd : {listener, signals.get(), processes.timer()}) watch(epoll.get(), fd);
  for (;;) {
    epoll_event events[64];
    const int count = ::epoll_wait(epoll.get(), events, 64, -1);
    for (int i = 0; i < count; ++i) try {
        loop.handle(events[i]);
      } catch (const std::bad_alloc&) {
        // What could not be remembered is lost; the sandbox goes on.
      }
  }
}

}  // namespace

}  // namespace mayfly::agent

int main() {
  using namespace mayfly::agent;
  fill_standard_descriptors();
  if (!is_listening()) {
    std::fprintf(stderr, "mayfly-agent: descriptor 3 is not a listening socket\n");
    return 2;
  }
  keep_inherited_descriptors_from_processes();
  // One heap for all threads, and large pieces given back at once: the sandbox pays for what we hold.
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, 128 << 10);
  // Orphans come to PID 1 anyway, and to us as well where we are not it.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // The guest's root has our uid. Now it can neither trace us nor take our memory, environment and descriptors; for
  // ourselves only the files in /proc/self that others may not read are lost. What we start gets its own memory back.
  ::prctl(PR_SET_DUMPABLE, 0);
  run();
}
