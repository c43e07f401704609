#pragma once

#include "core/caller.h"
#include "ports/store.h"

namespace mayfly {

/// Where a user may act, and as what.
struct Seat {
  Workspace workspace;
  Role role = Role::reader;
};

/// The workspace of that id or slug as this user has it: an admin has every one, others those they are members of, and
/// a key that is limited to some has `only` these. `reach` is the most they may be. not_found otherwise, and nothing in
/// it tells whether there is such a workspace.
Result<Seat> seat_in(Transaction& t, const UserId& user, Role reach, const std::vector<ResourceId>& only,
                     const std::string& id_or_slug);

/// Some key of an active admin is not narrowed and never expires: nobody is locked out.
Result<bool> house_is_held(Transaction& t);

/// conflict "last_admin_key" when it was held before a change and is not any more.
Status still_held(Transaction& t, bool held_before);

}  // namespace mayfly
