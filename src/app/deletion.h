#pragma once
// The one deletion path. A user's DELETE, an expired deadline, a stale sweep, an orphan scan: all come here, inside a
// transaction of their own. Its commit is the acknowledgement: the thing is marked, its name is free, the event that
// caused it is written and the cleanup tree stands. Nothing has been destroyed yet, and nothing can be forgotten.

#include "app/installation.h"
#include "core/caller.h"
#include "core/cleanup.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly {

struct DeleteRequest {
  DeletePolicy policy;
  std::string reason = "request";   // "max_age", "idle", "at", "retention", "stale", "orphan"
};

class Deletion {
 public:
  Deletion(const Installation& installation, Random& random) : installation_(installation), random_(random) {}

  /// The root task. Asking again is no error and gives the same one; asking again without an archive, while the first
  /// delete still waits for its archive, is the waiver that lets it go on. not_found for what is gone.
  Result<TaskId> begin(Transaction& t, const Caller& caller, Sandbox sandbox, const DeleteRequest& request) const;
  Result<TaskId> begin(Transaction& t, const Caller& caller, Archive archive, const DeleteRequest& request) const;
  Result<TaskId> begin(Transaction& t, const Caller& caller, ImageContent content, const DeleteRequest& request) const;

 private:
  Result<TaskId> waive_archive(Transaction& t, const Caller& caller, const Sandbox& sandbox,
                               const DeleteRequest& request) const;
  Status waive_failure(Transaction& t, const Caller& caller, const Sandbox& sandbox,
                       const DeleteRequest& request) const;
  Status mint_waiver(Transaction& t, const Sandbox& sandbox, const EventId& event) const;
  Result<EventId> waive(Transaction& t, const Caller& caller, const Sandbox& sandbox,
                        const DeleteRequest& request) const;
  Status skip_archive(Transaction& t, const Caller& caller, Task step, const EventId& waiver) const;
  Result<bool> permitted(Transaction& t, const Sandbox& sandbox) const;

  const Installation& installation_;
  Random& random_;
};

/// Where the writable bytes of a sandbox are, and which container of it counts now.
LayerRef layer_of(const Sandbox& sandbox, const Installation& installation);
Incarnation incarnation_of(const Sandbox& sandbox, const Installation& installation);

}  // namespace mayfly
