#pragma once

#include <memory>
#include <string_view>

#include "driver/agent_client/connection.h"
#include "ports/agent.h"

namespace mayfly::agent_client {

/// Sends an `attach` or `follow` request and answers with the news of its process. `patience` is for the answer, and
/// for the rest of a piece that has begun to arrive; between pieces the reader says how long it waits.
Result<std::unique_ptr<ProcessStream>> open_process_stream(Connection connection, std::string_view request,
                                                           const LogView& view, Duration patience);

}  // namespace mayfly::agent_client
