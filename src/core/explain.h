#pragma once
// Why something is still here, or why and by whom it was deleted, in sentences. Pure: what the rows and events say is
// given, and comes out as words.

#include <optional>
#include <string>
#include <vector>

#include "core/cleanup.h"
#include "core/event.h"
#include "core/lifetime.h"

namespace mayfly::explain {

/// A sentence, and the instant that it is about.
struct Line {
  std::optional<Time> at;
  std::string text;
};

/// What an event tells: "deleting it was accepted from user:admin (archive: required, reason: request)".
Line tell(const Event& event);

/// One line for each clock that is set, the one that decides first; or why none runs.
std::vector<Line> deadlines(const Lifetime& life, Moment now, const Downtime& down);

/// One line for each step that is not done: what it does, what it waits for, and when it is tried again.
std::vector<Line> steps(const std::vector<Task>& tree, Time now);

/// Why and by whom, out of the events of the delete and its end; nothing when none tells of a delete.
std::optional<std::string> ending(const std::vector<Event>& oldest_first);

}  // namespace mayfly::explain
