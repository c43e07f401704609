#pragma once

#include <atomic>

#include "agent/channel.h"
#include "agent/forward.h"
#include "agent/process_table.h"

namespace mayfly::agent {

/// What all connections share.
struct Shared {
  ProcessTable& processes;
  std::atomic<int> connections{0};
  std::atomic<int> waiting{0};  // those that wait for a process
  Forwarder forwarder{};
};

constexpr int connection_limit = 256;
// The rest stays free for calls that answer at once: a sandbox full of long runs can still be asked and stopped.
constexpr int waiting_limit = 224;

/// Serves one connection, request after request, until the caller hangs up or says what we cannot understand.
void serve(Channel channel, Shared& shared);

}  // namespace mayfly::agent
