#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mayfly::os {

struct RunOptions {
  std::vector<std::string> argv;                 // argv[0] is looked up in PATH
  std::vector<std::string> env;                  // "A=b"; empty: the caller's own
  std::string cwd;
  std::string input;
  std::chrono::milliseconds timeout{60'000};     // then SIGKILL to its process group: Code::timed_out
  std::size_t output_limit = 1 << 20;            // of each stream; the rest is read and dropped
  /// Looks a few times a second at what `out` holds so far. An error ends the program, and is what came of it.
  std::function<Status(std::string_view out)> watch;
  /// Runs in the child between fork and exec: async-signal-safe calls only. Non-zero: errno-like failure.
  std::function<int()> in_child;
  /// Descriptors the child gets as 3, 4, ... without close-on-exec.
  std::vector<int> pass;
};

struct RunOutcome {
  int exit_code = 0;      // 128 + signal for a signalled one
  std::string out, err;
};

/// Runs a program to its end. An exit code is an outcome, not an error.
Result<RunOutcome> run(const RunOptions& options);

}  // namespace mayfly::os
