#pragma once
// What a delete would do, before anybody asks for it.

#include "core/caller.h"
#include "core/hold.h"
#include "core/trash.h"
#include "ports/store.h"

namespace mayfly {

struct PlannedKind {
  Kind kind = Kind::sandbox;
  std::int64_t count = 0;
  std::int64_t bytes = 0;              // archives as they are stored, documents
  std::int64_t reserved_mb = 0;        // what sandboxes, volumes and databases may hold
};

struct Plan {
  Resource resource;
  std::vector<PlannedKind> kinds;      // from the top down; without those of which there is none
  std::vector<Hold> holds;             // that stand; at most some
  struct Blocker {
    ResourceId resource;
    std::string text;
  };
  std::vector<Blocker> blockers;       // what keeps the delete from beginning or from ending, as things stand
  std::string etag;                    // of exactly this tree and its holds
};

/// Of a thing and all that lies in it. Costs what there is.
Result<Plan> plan_of(Transaction& t, const Resource& resource);

}  // namespace mayfly
