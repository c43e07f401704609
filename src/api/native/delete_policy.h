#pragma once

#include "app/deletion.h"
#include "http/message.h"

namespace mayfly::api::native {

/// archive, on_archive_failure and archive_retention_seconds of the query, and no other parameter.
Result<DeleteRequest> read_delete(const http::Request& request);

}  // namespace mayfly::api::native
