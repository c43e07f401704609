#pragma once
// What the rows say of each other and of the clock, without a look at the host.

#include <vector>

#include "app/installation.h"
#include "core/reconcile.h"
#include "ports/store.h"

namespace mayfly {

/// Past this a deadline is late: firing takes milliseconds, and what a restart delays has its grace.
constexpr Duration deadline_patience = 10s;

/// Trees that cannot end, rows that name what is not there, and what waits in quarantine. Each table in pages, each
/// page a snapshot of its own: nothing waits for it.
Result<std::vector<reconcile::Finding>> check_rows(Store& store);

/// Deadlines of a server that is up: those that should have been acted on by now.
Result<std::vector<reconcile::Finding>> check_deadlines(Store& store, const Installation& installation);

}  // namespace mayfly
