#pragma once
// A start goes on from the youngest instant on record: what the clock's own record says, or an event. A row that waits
// for an instant ahead and has no event notes here when it was written, or it would wait for a time that was gone
// through already, once a clock that was set back has begun a new boot.

#include "ports/store.h"

namespace mayfly {

Status note_clock(Transaction& t);

/// The last one noted, or the epoch.
Result<Time> noted_clock(Transaction& t);

}  // namespace mayfly
