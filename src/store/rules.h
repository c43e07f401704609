#pragma once
// What every store means by its words, whatever keeps the rows.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "core/cleanup.h"
#include "core/sandbox.h"

namespace mayfly::rules {

/// The lane whose workers may claim this row; nothing: it does not wait for one.
std::optional<Lane> queue_of(const Sandbox& sandbox);
std::optional<Lane> queue_of(const Task& task);

/// The same row after whoever had claimed it is known to be dead: ready again, at once.
Sandbox released(Sandbox sandbox, Time now);
/// What waits for an attempt further ahead than this waits by a clock that has been set back since, because no delay is
/// as long. Releasing claims at a start brings it to now.
constexpr Duration longest_wait = 10min;
Task released(Task task, Time now);

/// What a task is: none of it changes after the insert.
bool same_identity(const Task& a, const Task& b);

/// The row of its kind decides; the narrow row repeats it where the hot writes look.
Lifetime lifetime_of(const Resource& resource, Lifetime lifetime);

/// Deleting or gone: no deadline applies and no start can follow.
bool ended(State state);

Error missing(std::string_view kind, std::string_view id);
Error id_taken(std::string_view id);
Error name_taken(std::string_view kind, std::string_view name);
Error number_taken(std::int64_t number);
Error key_taken(std::string_view id);
Error read_only(std::string_view what);

}  // namespace mayfly::rules
