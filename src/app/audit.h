#pragma once

#include "core/caller.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly {

/// Writes the event of what this transaction does, and gives its id as the cause of what follows.
Result<EventId> audit(Transaction& t, Random& random, const Caller& caller, std::string type, const Resource& subject,
                      std::map<std::string, std::string> data = {}, const EventId& parent = {});

}  // namespace mayfly
