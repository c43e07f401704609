#include "agent/launch.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mayfly::agent {

namespace {

constexpr std::size_t child_stack_size = 64 << 10;
constexpr const char* default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr const char* shell = "/bin/sh";

// The child shares our memory until it executes (vfork), so all it needs is laid out before, and it may only make
// system calls.
struct Plan {
  std::vector<std::string> programs;   // the paths to try, in order
  std::vector<std::string> variables;  // NAME=value
  std::vector<char*> argv, env;
  std::vector<char*> shell_argv;  // a script without "#!" goes to the shell, as with execvp; [1] is its path
  std::string not_found, not_executable;
  const std::vector<int>* ignored = nullptr;  // signals that we ignore, and nobody else shall
  const char* cwd = nullptr;
  const Launch* launch = nullptr;
  volatile int folder_error = 0;  // errno of chdir
};

std::vector<std::string> candidates(const std::string& program, const std::string& path) {
  if (program.find('/') != std::string::npos || program.empty()) return {program};
  std::vector<std::string> all;
  for (std::size_t at = 0; at <= path.size();) {
    const auto colon = std::min(path.find(':', at), path.size());
    const auto folder = path.substr(at, colon - at);
    all.push_back(folder.empty() ? "./" + program : folder + "/" + program);
    at = colon + 1;
  }
  return all;
}

std::map<std::string, std::string> environment(const Launch& launch) {
  std::map<std::string, std::string> all = launch.env;
  struct stat home{};
  const bool has_root_home = ::stat("/root", &home) == 0 && S_ISDIR(home.st_mode);
  all.emplace("PATH", default_path);
  all.emplace("HOME", has_root_home ? "/root" : "/");
  all.emplace("LANG", "C.UTF-8");
  return all;
}

/// Handlers end with execve by themselves. We have neither any more after our start, but what we were started with.
const std::vector<int>& ignored_signals() {
  static const auto all = [] {
    std::vector<int> ignored;
    for (int signal = 1; signal < NSIG; ++signal) {
      struct sigaction now{};
      if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) ignored.push_back(signal);
    }
    return ignored;
  }();
  return all;
}

std::unique_ptr<Plan> plan_for(const Launch& launch) {
  auto plan = std::make_unique<Plan>();
  const auto env = environment(launch);
  plan->programs = candidates(launch.argv[0], env.at("PATH"));
  for (const auto& [name, value] : env) plan->variables.push_back(name + "=" + value);
  for (auto& variable : plan->variables) plan->env.push_back(variable.data());
  plan->env.push_back(nullptr);
  for (const auto& argument : launch.argv) plan->argv.push_back(const_cast<char*>(argument.c_str()));
  plan->argv.push_back(nullptr);
  plan->shell_argv = {const_cast<char*>(shell), nullptr};
  plan->shell_argv.insert(plan->shell_argv.end(), plan->argv.begin() + 1, plan->argv.end());
  plan->not_found = launch.argv[0] + ": not found\n";
  plan->not_executable = launch.argv[0] + ": cannot be executed: ";
  plan->ignored = &ignored_signals();
  plan->cwd = launch.cwd.c_str();
  plan->launch = &launch;
  return plan;
}

void say(const char* text) {
  const ssize_t written = ::write(2, text, std::strlen(text));
  static_cast<void>(written);  // There is nobody else to tell.
}

const char* reason_of(int error) {
  switch (error) {
    case EACCES: return "permission denied\n";
    case E2BIG: return "its arguments and environment are too long\n";
    case ENOEXEC: return "not a program of this machine\n";
    case ENOMEM: return "out of memory\n";
    case ETXTBSY: return "it is being written\n";
    default: return "the kernel refuses it\n";
  }
}

bool absent(int error) { return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG; }

[[noreturn]] void execute(Plan& plan) {
  int trouble = ENOENT;
  for (auto& program : plan.programs) {
    ::execve(program.c_str(), plan.argv.data(), plan.env.data());
    if (errno == ENOEXEC) {
      plan.shell_argv[1] = program.data();
      ::execve(shell, plan.shell_argv.data(), plan.env.data());
      errno = ENOEXEC;
    }
    if (absent(errno)) continue;
    // A later folder of PATH may have one that we may execute; the first refusal is what we tell otherwise.
    if (absent(trouble)) trouble = errno;
    if (errno != EACCES) break;
  }
  if (absent(trouble)) {
    say(plan.not_found.c_str());
    ::_exit(127);
  }
  say(plan.not_executable.c_str());
  say(reason_of(trouble));
  ::_exit(126);
}

int child(void* argument) {
  auto& plan = *static_cast<Plan*>(argument);
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  for (const int signal : *plan.ignored) ::sigaction(signal, &by_default, nullptr);
  ::setsid();
  // Their numbers are above 2 (see main), so that dup2 always clears close-on-exec.
  ::dup2(plan.launch->in, 0);
  ::dup2(plan.launch->out, 1);
  ::dup2(plan.launch->err, 2);
  ::setrlimit(RLIMIT_NOFILE, &plan.launch->open_files);
  ::umask(022);
  if (::chdir(plan.cwd) != 0) {
    plan.folder_error = errno;
    ::_exit(127);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  execute(plan);
}

}  // namespace

Status launch(const Launch& launch, std::atomic<pid_t>& pid) {
  static_assert(sizeof(std::atomic<pid_t>) == sizeof(pid_t) && std::atomic<pid_t>::is_always_lock_free);
  const auto plan = plan_for(launch);
  const auto stack = std::make_unique_for_overwrite<std::max_align_t[]>(child_stack_size / sizeof(std::max_align_t));
  auto* top = stack.get() + child_stack_size / sizeof(std::max_align_t);
  // The kernel writes the pid before the child runs: whoever reaps it finds whose it was.
  if (::clone(child, top, CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD, plan.get(),
              reinterpret_cast<pid_t*>(&pid), nullptr, nullptr) < 0)
    return tl::unexpected(errno_error(errno, "start a process for " + launch.argv[0]));
  if (plan->folder_error != 0)
    return fail(Code::invalid,
                "cannot start " + launch.argv[0] + " in " + launch.cwd + ": " + std::strerror(plan->folder_error));
  return {};
}

}  // namespace mayfly::agent
