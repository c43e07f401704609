#include "app/quotas.h"

namespace mayfly {

Status refuse_over_quota(Transaction& t, const ResourceId& workspace, const WorkspaceUsage& asked) {
  const auto row = TRY(t.identities().find_workspace(workspace.text));
  // Most have no quota, and their creates sum nothing up.
  if (!row || row->quota == Quota{}) return {};
  return check_quota(row->quota, TRY(t.usage().of(workspace)), asked);
}

}  // namespace mayfly
