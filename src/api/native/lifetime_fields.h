#pragma once

#include "core/lifetime.h"
#include "json/reader.h"

namespace mayfly::api::native {

/// Reads max_age_seconds, idle_seconds, at, limit_seconds and on_expiry into the policy. Absent members change nothing,
/// null takes a clock away. Complaints go to the reader.
void read_lifetime(json::Reader& reader, LifetimePolicy& policy);

}  // namespace mayfly::api::native
