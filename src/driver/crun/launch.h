#pragma once
// Running crun itself: one short-lived child that is marked as a helper, holds the server's lock, and hides from
// crun what it cannot bear to see.

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/file.h"

namespace mayfly::crun {

struct CrunCall {
  int program = -1;                       // of program_in_memory
  std::vector<std::string> argv;          // argv[0] is the path of crun
  int listener = -1;                      // becomes descriptor 3 of the sandbox's first process
  int lock_fd = -1;                       // kept open by crun itself, not by what it starts; -1: none
  int helpers = -1;                       // cgroup.procs of the helpers' group; -1: none
  std::string scratch;                    // folder for what crun writes down for a moment
  std::string cover;                      // folder hidden under an empty tmpfs for crun alone; empty: none
  std::chrono::milliseconds patience{30'000};
};

/// A copy of the program that nobody can write to any more, to be executed by descriptor. From its own file crun
/// would first make such a copy of itself: an empty file and two mounts in the host's /tmp, left there by a kill, and
/// everything loaded twice.
Result<os::Fd> program_in_memory(const std::string& path);

/// Runs crun to its end with nothing on its standard streams. The value is its exit code, or -1 when somebody else
/// in this process took the answer. Code::timed_out: it was killed, and what it started may be half made.
Result<int> run_crun(const CrunCall& call);

/// A listening unix socket `name` in the folder, however long the folder's path is.
Result<os::Fd> listen_unix(const std::string& folder, const std::string& name);

/// Something accepts connections there.
Status connect_unix(const std::string& path);

}  // namespace mayfly::crun
