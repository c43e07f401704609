#pragma once

#include "app/runtimes.h"
#include "core/lifetime.h"

namespace mayfly::api::dreadnode {

/// The body of a keepalive: extend_seconds from 60 to 3600, or an instant to reach.
Result<lifetime::Extension> read_extension(const std::string& body);
/// The body of a start, which may be absent.
Result<RuntimeStart> read_start(const std::string& body);

}  // namespace mayfly::api::dreadnode
