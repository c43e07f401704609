#pragma once
// What a workspace may hold, and what it holds. Compute is given back when the processes are gone, storage when the
// bytes are, and the place in the count when the record is.

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace mayfly {

/// Nothing: no limit.
struct Quota {
  std::optional<std::int64_t> sandboxes = {};
  std::optional<double> cpus = {};
  std::optional<std::int64_t> memory_mb = {};
  std::optional<std::int64_t> disk_mb = {};         // what sandboxes may write, and the sizes of volumes
  std::optional<std::int64_t> archive_bytes = {};   // as they are stored
  bool operator==(const Quota&) const = default;
};

/// In use, or asked for.
struct WorkspaceUsage {
  std::int64_t sandboxes = 0;
  double cpus = 0;
  std::int64_t memory_mb = 0;
  std::int64_t disk_mb = 0;
  std::int64_t archive_bytes = 0;
  bool operator==(const WorkspaceUsage&) const = default;
};

/// denied "quota_exceeded", with limit, used and asked, for the first that `asked` on top of `used` would pass. What is
/// not asked for is not looked at: a limit below what is in use blocks only what is new.
Status check_quota(const Quota& quota, const WorkspaceUsage& used, const WorkspaceUsage& asked);

}  // namespace mayfly
