#pragma once

#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"

namespace mayfly {

enum class Role { reader, member, admin };
std::string_view name(Role role);
std::optional<Role> parse_role(std::string_view name);

/// On whose behalf something is done. Everything they may touch lies in one workspace.
struct Caller {
  UserId user;
  std::string actor;            // as events name them: "user:admin", "system:deadline"
  Role role = Role::reader;
  ResourceId workspace;
  std::string request_id;
  KeyId key = {};                         // the one it came with
  std::vector<ResourceId> only = {};      // the workspaces this key is limited to; empty: all of its user's
  bool narrowed = false;                  // the key may do less than its user: it manages neither keys nor people

  /// Mayfly itself, acting in a resource's workspace: `part` is "deadline", "reconciler", ...
  static Caller system(std::string_view part, ResourceId workspace);
};

/// denied unless the caller's role is at least `needed`.
Status require(const Caller& caller, Role needed);

/// denied for a key that may do less than its user: else it could make itself a wider one.
Status require_whole_key(const Caller& caller);

}  // namespace mayfly
