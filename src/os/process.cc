#include "os/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"

namespace mayfly::os {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// A killed process that sits in the kernel (a dead disk) may take this long, and is then left behind.
constexpr auto kill_grace = 5s;

struct Pipe {
  Fd read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return tl::unexpected(errno_error(errno, "cannot make a pipe"));
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

/// The whole input as a file in memory: it needs no writer, so a child that reads nothing blocks nobody.
Result<Fd> input_file(const std::string& input) {
  if (input.empty()) return open("/dev/null", O_RDONLY);
  Fd fd(::memfd_create("input", MFD_CLOEXEC));
  if (!fd) return tl::unexpected(errno_error(errno, "cannot make a file for the input"));
  TRY(write_all(fd.get(), input));
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return tl::unexpected(errno_error(errno, "cannot rewind the input"));
  return fd;
}

Result<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  std::string folders = path != nullptr ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  folders += ':';
  for (std::size_t begin = 0, end; (end = folders.find(':', begin)) != std::string::npos; begin = end + 1) {
    const std::string folder = folders.substr(begin, end - begin);
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return fail(Code::not_found, "cannot run " + name + ": no folder of PATH has it");
}

enum class Stage : int { prepare, in_child, cwd, exec };

struct ChildTrouble {
  Stage stage;
  int number;
};

/// Everything the child needs, laid out before the fork: a child of a threaded process must not allocate.
struct ChildPlan {
  std::string program;
  std::vector<char*> argv, env;
  const char* cwd = nullptr;
  const std::function<int()>* in_child = nullptr;
  std::vector<int> sources;   // become 0, 1, 2, 3, ...
  int trouble = -1;
};

[[noreturn]] void child_fails(int fd, Stage stage, int number) {
  const ChildTrouble trouble{stage, number};
  // The parent also learns from the exit code, if not what failed.
  [[maybe_unused]] const auto n = ::write(fd, &trouble, sizeof trouble);
  ::_exit(127);
}

[[noreturn]] void become(ChildPlan& plan) {
  ::setpgid(0, 0);
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  // Before descriptors move, so that the numbers it knows are still right.
  if (plan.in_child != nullptr) {
    if (const int number = (*plan.in_child)(); number != 0) child_fails(plan.trouble, Stage::in_child, number);
  }

  // First out of the way of the targets, then into place: a plain dup2 of n onto n would leave close-on-exec set, and
  // one source may sit where another has to go.
  const int count = static_cast<int>(plan.sources.size());
  const int trouble = ::fcntl(plan.trouble, F_DUPFD_CLOEXEC, count);
  if (trouble < 0) child_fails(plan.trouble, Stage::prepare, errno);
  for (int& source : plan.sources) {
    source = ::fcntl(source, F_DUPFD_CLOEXEC, count);
    if (source < 0) child_fails(trouble, Stage::prepare, errno);
  }
  for (int i = 0; i < count; ++i) {
    if (::dup2(plan.sources[static_cast<std::size_t>(i)], i) < 0) child_fails(trouble, Stage::prepare, errno);
  }
  if (::syscall(SYS_close_range, count, ~0U, CLOSE_RANGE_CLOEXEC) != 0) child_fails(trouble, Stage::prepare, errno);

  if (plan.cwd != nullptr && ::chdir(plan.cwd) != 0) child_fails(trouble, Stage::cwd, errno);
  ::execve(plan.program.c_str(), plan.argv.data(), plan.env.data());
  child_fails(trouble, Stage::exec, errno);
}

/// One stream of the child, read without ever waiting.
struct Stream {
  Fd fd;
  std::string* kept;
  std::size_t limit;

  /// Takes what is there, but not for ever: a writer may be faster than we are. Closed at its end.
  void drain(std::size_t at_most) {
    std::array<char, 64 << 10> room;
    while (fd && at_most > 0) {
      const ssize_t n = ::read(fd.get(), room.data(), std::min(room.size(), at_most));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return fd.reset();
      at_most -= static_cast<std::size_t>(n);
      kept->append(room.data(), std::min(static_cast<std::size_t>(n), limit - std::min(limit, kept->size())));
    }
  }
};

int until(Clock::time_point deadline, std::chrono::milliseconds at_most) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp(left, 0ms, at_most).count());
}

// Between two looks of whoever watches.
constexpr auto watch_period = 200ms;

using Watch = std::function<Status(std::string_view)>;

/// Waits for the end of the process behind `pidfd`, reading its streams. False: the deadline came first, or the watch
/// refused.
bool attend(int pidfd, Stream& out, Stream& err, Clock::time_point deadline, const Watch& watch = {},
            Status* refused = nullptr) {
  // Bytes taken in one go, so that a stream without end cannot hide the end of the process or the deadline.
  constexpr std::size_t gulp = 1 << 20;
  for (;;) {
    std::array<pollfd, 3> waits{{{pidfd, POLLIN, 0}, {out.fd.get(), POLLIN, 0}, {err.fd.get(), POLLIN, 0}}};
    const int ready = ::poll(waits.data(), waits.size(), until(deadline, watch ? watch_period : 60'000ms));
    if (ready < 0 && errno != EINTR) return false;
    if (ready > 0 && waits[1].revents != 0) out.drain(gulp);
    if (ready > 0 && waits[2].revents != 0) err.drain(gulp);
    if (ready > 0 && waits[0].revents != 0) {
      // A grandchild may keep the pipes open: what the program itself wrote is in them by now.
      out.drain(gulp);
      err.drain(gulp);
      return true;
    }
    if (Clock::now() >= deadline) return false;
    if (watch && !(*refused = watch(*out.kept))) return false;
  }
}

Error trouble_error(const RunOptions& options, const ChildTrouble& trouble) {
  const std::string what = "cannot run " + options.argv[0];
  switch (trouble.stage) {
    case Stage::prepare: return errno_error(trouble.number, what + ": preparing its descriptors");
    case Stage::in_child: return errno_error(trouble.number, what + ": preparing its surroundings");
    case Stage::cwd: return errno_error(trouble.number, what + ": entering the folder " + options.cwd);
    case Stage::exec: return errno_error(trouble.number, what);
  }
  return {Code::internal, what, {}, {}};
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const auto& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

Result<pid_t> start(ChildPlan& plan) {
  // No handler of ours may run in the child with the parent's state, so signals are off until it has reset them.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) become(plan);
  const int number = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return tl::unexpected(errno_error(number, "cannot fork for " + plan.program));
  // Both sides set it: whichever comes first, the group exists before it could be killed.
  ::setpgid(pid, pid);
  return pid;
}

}  // namespace

Result<RunOutcome> run(const RunOptions& options) {
  CHECK(!options.argv.empty());
  const auto deadline = Clock::now() + options.timeout;
  ChildPlan plan;
  plan.program = TRY(find_program(options.argv[0]));
  plan.argv = pointers(options.argv);
  plan.env = pointers(options.env);
  if (options.env.empty()) {
    plan.env.clear();
    for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
      plan.env.push_back(*variable);
    }
    plan.env.push_back(nullptr);
  }
  if (!options.cwd.empty()) plan.cwd = options.cwd.c_str();
  if (options.in_child) plan.in_child = &options.in_child;

  Fd input = TRY(input_file(options.input));
  Pipe out_pipe = TRY(make_pipe());
  Pipe err_pipe = TRY(make_pipe());
  Pipe trouble_pipe = TRY(make_pipe());
  plan.sources = {input.get(), out_pipe.write.get(), err_pipe.write.get()};
  plan.sources.insert(plan.sources.end(), options.pass.begin(), options.pass.end());
  plan.trouble = trouble_pipe.write.get();

  RunOutcome outcome;
  Stream out{std::move(out_pipe.read), &outcome.out, options.output_limit};
  Stream err{std::move(err_pipe.read), &outcome.err, options.output_limit};
  for (const Fd* fd : {&out.fd, &err.fd, &trouble_pipe.read}) ::fcntl(fd->get(), F_SETFL, O_NONBLOCK);

  const pid_t pid = TRY(start(plan));
  out_pipe.write.reset();
  err_pipe.write.reset();
  trouble_pipe.write.reset();
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int pidfd_trouble = errno;

  Status refused;
  const bool ended = pidfd && attend(pidfd.get(), out, err, deadline, options.watch, &refused);
  if (!ended) {
    ::kill(-pid, SIGKILL);
    ::kill(pid, SIGKILL);
    if (pidfd && !attend(pidfd.get(), out, err, Clock::now() + kill_grace)) {
      return fail(Code::timed_out, "cannot end " + options.argv[0] + " (pid " + std::to_string(pid) +
                                       "): it ran past its time and does not even answer SIGKILL");
    }
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return tl::unexpected(errno_error(errno, "cannot learn how " + options.argv[0] + " ended"));
  }
  if (!pidfd) return tl::unexpected(errno_error(pidfd_trouble, "cannot watch " + options.argv[0]));

  ChildTrouble trouble{};
  if (::read(trouble_pipe.read.get(), &trouble, sizeof trouble) == static_cast<ssize_t>(sizeof trouble)) {
    return tl::unexpected(trouble_error(options, trouble));
  }
  if (!refused) return tl::unexpected(refused.error());
  if (!ended) {
    return fail(Code::timed_out, options.argv[0] + " was killed: it ran longer than " +
                                     std::to_string(options.timeout.count()) + " ms");
  }
  outcome.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return outcome;
}

}  // namespace mayfly::os
