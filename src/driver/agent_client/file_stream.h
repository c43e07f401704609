#pragma once

#include <memory>
#include <string_view>

#include "base/stream.h"
#include "base/time.h"
#include "driver/agent_client/connection.h"

namespace mayfly::agent_client {

/// Sends a `read` request and answers with the file's bytes as they come, at most `length` of them unless it is
/// negative. `patience` is for the answer, and then for each piece.
Result<std::unique_ptr<Source>> open_file(Connection connection, std::string_view request, std::int64_t length,
                                          Duration patience);

/// Sends a `write` request and the whole content. An error of the content ends it, and the file stays as it was.
Status replace_file(Connection& connection, std::string_view request, Source& content, Duration patience);

}  // namespace mayfly::agent_client
