#pragma once

namespace mayfly::cli {

/// What `mayfly` exits with; exec and run pass on what the command inside exited with.
enum ExitCode : int {
  exit_ok = 0,
  exit_failed = 1,        // the operation failed, or doctor found something
  exit_usage = 2,         // the command line, or a value in it, is wrong
  exit_not_examined = 2,  // doctor could not look, whatever kept it
  exit_not_found = 3,
  exit_conflict = 4,      // the thing is in a state that forbids this
  exit_denied = 5,        // no key, an unknown key, or one that may not
  exit_unreachable = 6,   // no server answers there
  exit_waited = 7,        // accepted, but not done in the time that was waited
  exit_cut = 8,           // exec and run: the command ended, and not all of its output came
};

}  // namespace mayfly::cli
