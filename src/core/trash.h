#pragma once
// The trash: what is deleted there is hidden and comes back whole, until its time is over and the one deletion path
// begins. The time is fixed by the delete.

#include <optional>
#include <string>
#include <string_view>

#include "core/resource.h"

namespace mayfly {

enum class Tier { brief, medium, lasting, none };
std::string_view name(Tier tier);                        // "short", "medium", "long", "none"
std::optional<Tier> parse_tier(std::string_view name);

/// Nothing: it is kept until a person says otherwise, and is never purged.
std::optional<Duration> retention_of(Tier tier);

/// One thing in the trash.
struct Trashed {
  ResourceId id;
  Kind kind = Kind::app;
  std::string name;
  ResourceId scope;                     // who lists it: its workspace, or of a workspace the organization
  Tier tier = Tier::brief;
  Time deleted_at{};
  std::string deleted_by;               // the actor
  std::optional<Time> purge_at;
  EventId event;                        // that tells of it
  bool restoring = false;               // a workspace that is back, whose sandboxes are still being seen to
};

}  // namespace mayfly
