#pragma once
// A cleanup tree as people read it: who waits for whom, what is stuck, and on what.

#include <string>

#include "base/time.h"
#include "cli/output.h"
#include "json/reader.h"

namespace mayfly::cli {

/// One line for each task, drawn with branches, in the order of their stages; below a task that is in trouble, its last
/// error. Tasks whose parent is not among them are roots.
std::string draw_tree(const json::array& tasks, WallTime now, const Paper& paper);

/// "failed", or both words where the phase says more than the status: "pending (backing_off)".
std::string status_of_task(const json::object& task);
/// How long it took, or has been at it so far; empty before it began.
std::string duration_of_task(const json::object& task, WallTime now);

}  // namespace mayfly::cli
