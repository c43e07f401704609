#pragma once
// An agent as it is in a sandbox: PID 1, its root not the host's, and without the right to trace.

#include <functional>

#include "agent/given_agent.h"

namespace mayfly::test {

/// For GivenAgent: `pid` is then that of its parent.
void seal();

/// The agent's pid on the host.
pid_t first_process(GivenAgent& agent);

/// What `act` answers (0..255), called in a process that is the guest's root beside the agent.
int beside(pid_t first, const std::function<int()>& act);

}  // namespace mayfly::test
