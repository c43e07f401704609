#pragma once
// The life of a sandbox, and the moves between its states. A transitional state (requested, starting, pausing,
// resuming, stopping) IS the intent: the worker finds its row and does what it says.

#include "base/result.h"
#include "core/resource.h"

namespace mayfly::lifecycle {

enum class Move {
  begin_start,      // a worker took a requested sandbox up
  started, start_failed,
  ask_pause, paused,
  ask_resume, resumed,
  ask_stop, stopped,
  ask_start,        // a stopped or failed one, again
  lost,             // its processes are gone and nobody asked for that
  ask_delete, forgotten,
};
std::string_view name(Move move);

/// The state after `move`, or Code::conflict naming both.
Result<State> next(State state, Move move);

/// The row is an intent that a worker must carry out.
bool transitional(State state);

/// A worker is at it, or about to be: the host may be anywhere between.
bool in_flight(State state);

/// Processes of it may exist on the host.
bool may_run(State state);

}  // namespace mayfly::lifecycle
