#pragma once
// A command that runs in a sandbox as if it ran here: its output appears while it is written, byte for byte and none
// of it lost, it reads what stands on stdin here, and it counts as use of the sandbox for as long as it lasts.

#include <string>

#include "cli/commands.h"

namespace mayfly::cli {

/// A name no other process of the sandbox has: by it the command is found while it still runs.
std::string unique_name(const std::string& prefix);

/// Runs it to its end and passes its output on; the process as it ended, where bytes that did not come are told of by
/// `stdout_dropped` and `stderr_dropped`. `body` is a request to exec, with a name; with `stdin_open` it is fed.
/// A reader of the output who leaves ends it.
Result<json::object> run_attached(Session& session, const std::string& sandbox, const json::object& body);

/// Passes on both streams of a process that was started before, until it ends or the reader of them leaves.
Result<json::object> follow_process(Session& session, const std::string& sandbox, const std::string& process);

/// Sends it a signal if it still runs; trouble is not told. From any thread.
void signal_named(const Target& target, const std::string& sandbox, const std::string& name, const std::string& signal);

}  // namespace mayfly::cli
