#include "driver/crun/processes.h"

#include <charconv>
#include <climits>

#include <sys/syscall.h>
#include <unistd.h>

#include "driver/crun/layout.h"
#include "driver/crun/mounts.h"

namespace mayfly::crun {

namespace {

std::string link_target(const std::string& path) {
  char target[PATH_MAX];
  const auto length = ::readlink(path.c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : std::string();
}

bool holds(const std::string& process, const std::string& folder) {
  for (const char* link : {"/cwd", "/root", "/exe"})
    if (is_below(link_target(process + link), folder)) return true;
  const auto open_files = os::list_folder(process + "/fd");
  if (!open_files) return false;
  for (const auto& fd : *open_files)
    if (is_below(link_target(process + "/fd/" + fd), folder)) return true;
  return false;
}

}  // namespace

std::optional<ProcessFacts> facts_of(pid_t pid) {
  const auto stat = os::read_file("/proc/" + std::to_string(pid) + "/stat");
  if (!stat) return std::nullopt;
  const auto open = stat->find('(');
  const auto close = stat->rfind(')');  // a command may hold spaces and parentheses
  if (open == std::string::npos || close == std::string::npos || close + 2 >= stat->size()) return std::nullopt;
  ProcessFacts facts;
  facts.command = stat->substr(open + 1, close - open - 1);
  std::string_view rest(*stat);
  rest.remove_prefix(close + 2);
  facts.state = rest[0];
  for (int field = 3; field < 22; ++field) {
    const auto space = rest.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(space + 1);
  }
  std::from_chars(rest.data(), rest.data() + rest.size(), facts.start_time);
  return facts;
}

std::string describe_process(pid_t pid) {
  const auto facts = facts_of(pid);
  std::string text = "process " + std::to_string(pid);
  if (facts) text += " (" + facts->command + ", state " + facts->state + ")";
  return text;
}

os::Fd pidfd_of(pid_t pid) { return os::Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

bool names_cgroup(std::string_view text, std::string_view name) {
  const auto wanted = "/" + std::string(name);
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const auto at = line.find(wanted);  // hierarchy:controllers:/path
    if (at != std::string_view::npos && is_below(line.substr(at), wanted)) return true;
  }
  return false;
}

bool in_cgroup(pid_t pid, std::string_view name) {
  const auto text = os::read_file("/proc/" + std::to_string(pid) + "/cgroup");
  return text && names_cgroup(*text, name);
}

std::string holder_below(const std::string& folder) {
  const auto processes = os::list_folder("/proc");
  if (!processes) return {};
  for (const auto& name : *processes) {
    const auto pid = parse_number(name);
    if (pid && holds("/proc/" + name, folder)) return "; held by " + describe_process(*pid);
  }
  return {};
}

}  // namespace mayfly::crun
