#pragma once

#include "core/quota.h"
#include "ports/store.h"

namespace mayfly {

/// denied "quota_exceeded" when the workspace cannot hold `asked` more. In the transaction that takes it, so that two
/// at once cannot both pass.
Status refuse_over_quota(Transaction& t, const ResourceId& workspace, const WorkspaceUsage& asked);

}  // namespace mayfly
