#pragma once
// The one deletion path. A user's DELETE, an expired deadline, a stale sweep, an orphan scan: all come here, inside a
// transaction of their own. Its commit is the acknowledgement: the thing is marked, its name is free, the event that
// caused it is written and the cleanup tree stands. Nothing has been destroyed yet, and nothing can be forgotten.

#include "app/installation.h"
#include "core/caller.h"
#include "core/cleanup.h"
#include "core/holder.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly {

struct DeleteRequest {
  DeletePolicy policy;
  std::string reason = "request";   // "max_age", "idle", "at", "retention", "stale", "orphan", "cascade"
  std::optional<Branch> branch = {};   // it goes with what it lies in, in the same tree
};

class Deletion {
 public:
  Deletion(const Installation& installation, Random& random) : installation_(installation), random_(random) {}

  /// The root task. Asking again is no error and gives the same one; asking again without an archive, while the first
  /// delete still waits for its archive, is the waiver that lets it go on. not_found for what is gone.
  Result<TaskId> begin(Transaction& t, const Caller& caller, Sandbox sandbox, const DeleteRequest& request) const;
  Result<TaskId> begin(Transaction& t, const Caller& caller, Archive archive, const DeleteRequest& request) const;
  /// conflict "volume_mounted" while a sandbox that is not gone mounts it. A database, and what goes with its
  /// workspace, is accepted: its steps wait and name the sandbox.
  Result<TaskId> begin(Transaction& t, const Caller& caller, Volume volume, const DeleteRequest& request) const;
  Result<TaskId> begin(Transaction& t, const Caller& caller, ImageContent content, const DeleteRequest& request) const;
  /// Its newest sandbox goes with it, by a tree of its own, which the runtime's waits for.
  Result<TaskId> begin(Transaction& t, const Caller& caller, Runtime runtime, const DeleteRequest& request) const;

  Result<TaskId> begin(Transaction& t, const Caller& caller, Record record, const DeleteRequest& request) const;
  Result<TaskId> begin(Transaction& t, const Caller& caller, Workspace workspace, const DeleteRequest& request) const;
  /// Whatever lies in a workspace, and that itself.
  Result<TaskId> begin(Transaction& t, const Caller& caller, const ResourceId& id, const DeleteRequest& request) const;

  /// The files it was made of are about to be destroyed because it is there: until they are, it stays.
  Result<bool> rests_on(Transaction& t, const Archive& archive) const;

 private:
  Status settle_policy(Transaction& t, const Holder& holder, DeleteRequest& request) const;
  Result<TaskId> accept(Transaction& t, const Caller& caller, const Holder& holder,
                        const DeleteRequest& request) const;
  Result<TaskId> accept_plain(Transaction& t, const Caller& caller, const Resource& resource,
                              const DeleteRequest& request) const;
  Result<TaskId> again(Transaction& t, const Caller& caller, const Holder& holder, const DeleteRequest& request) const;
  Status waive_failure(Transaction& t, const Caller& caller, const Holder& holder,
                       const DeleteRequest& request) const;
  Status mint_waiver(Transaction& t, const Holder& holder, const EventId& event) const;
  Result<EventId> waive(Transaction& t, const Caller& caller, const Holder& holder,
                        const DeleteRequest& request) const;
  Status skip_archive(Transaction& t, const Caller& caller, Task step, const EventId& waiver) const;
  Result<bool> permitted(Transaction& t, const Holder& holder) const;

  const Installation& installation_;
  Random& random_;
};

/// Where the writable bytes of something are, and which container of it counts now.
LayerRef layer_of(const Sandbox& sandbox, const Installation& installation);
LayerRef layer_of(const Volume& volume, const Installation& installation);
LayerRef layer_of(const Holder& holder, const Installation& installation);
Incarnation incarnation_of(const Sandbox& sandbox, const Installation& installation);
Incarnation incarnation_of(const Holder& holder, const Installation& installation);

/// The holder of that id, whatever its kind.
Result<Holder> find_holder(Transaction& t, const ResourceId& id);

}  // namespace mayfly
