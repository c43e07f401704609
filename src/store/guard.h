#pragma once

#include "ports/store.h"

namespace mayfly {

/// Runs the closure; what it throws is Code::internal.
Status run_guarded(const Store::Closure& closure, Transaction& transaction);

/// There is anything in it to tell a listener.
bool says_something(const Wakes& wakes);

}  // namespace mayfly
