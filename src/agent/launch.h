#pragma once
// From a command to a process: everything between the decision and execve.

#include <atomic>
#include <map>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/types.h>

#include "base/result.h"

namespace mayfly::agent {

struct Launch {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;  // on top of PATH, HOME and LANG
  std::string cwd;
  int in = -1, out = -1, err = -1;
  rlimit open_files{};  // the agent's own before it raised them
};

/// Starts it as the leader of a new session and answers once it runs its program. `pid` is set before the process
/// could end. A program that cannot be executed is a process that says so on stderr and ends with 127 or 126; a
/// folder that it cannot start in is Code::invalid, and then the process, if `pid` was set, is to be forgotten.
Status launch(const Launch& launch, std::atomic<pid_t>& pid);

}  // namespace mayfly::agent
