#pragma once

#include <optional>
#include <string>

#include "core/resource.h"

namespace mayfly {

using HoldId = Id<struct HoldTag>;   // hld_

/// Somebody's word that a thing, and whatever it lies in, is not deleted by anyone.
struct Hold {
  HoldId id;
  ResourceId resource;
  ResourceId parent;                    // of the resource
  ResourceId workspace;
  std::string owner;                    // the actor
  std::string reason;
  Time created_at{};
  std::optional<Time> expires_at;       // nothing: until it is ended
  std::optional<Time> ended_at;
  std::string ended_by;
};

inline bool stands(const Hold& hold, Time now) {
  return !hold.ended_at && (!hold.expires_at || *hold.expires_at > now);
}

/// It keeps `resource` from being deleted: it is of that, or of something in it.
inline bool keeps(const Hold& hold, const ResourceId& resource) {
  return hold.resource == resource || hold.parent == resource || hold.workspace == resource;
}

}  // namespace mayfly
