#pragma once

#include "core/lifetime.h"
#include "json/reader.h"

namespace mayfly::api::native {

/// Reads max_age_seconds, idle_seconds, at, limit_seconds and on_expiry into the policy. Absent members change nothing,
/// null takes a clock away. Complaints go to the reader.
void read_lifetime(json::Reader& reader, LifetimePolicy& policy);

/// An instant of the wall clock from a member that is a string, if it is there. One that no deadline can stand at is
/// complained of.
std::optional<WallTime> read_instant(json::Reader& reader, std::string_view key);

/// For two members of which exactly one must be given, when both are or none is.
Error one_of_two(const std::string& one, const std::string& other, bool both, std::string reason);

}  // namespace mayfly::api::native
