#pragma once
// Processes as /proc tells of them, for killing the right ones and for naming the wrong ones.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "os/file.h"

namespace mayfly::crun {

struct ProcessFacts {
  std::string command;          // comm: at most 15 bytes
  char state = '?';             // R S D T Z ...
  std::uint64_t start_time = 0; // clock ticks after boot: tells two users of one pid apart
};

/// Empty when there is no such process.
std::optional<ProcessFacts> facts_of(pid_t pid);

/// "process 1234 (dd, state D)".
std::string describe_process(pid_t pid);

/// A handle that stays with this process even if its pid is used again; empty when it is gone.
os::Fd pidfd_of(pid_t pid);

/// Whether the process is in the cgroup `name` of any hierarchy, or below it.
bool in_cgroup(pid_t pid, std::string_view name);
/// The same for the text of a /proc/PID/cgroup.
bool names_cgroup(std::string_view cgroup_text, std::string_view name);

/// "; held by process 1234 (sh, state S)" for a process whose working folder, root or open file is below `folder`,
/// else an empty text.
std::string holder_below(const std::string& folder);

}  // namespace mayfly::crun
