#pragma once
// Deleting what comes back: into the trash, out of it, and for good. A thing hides what lies in it, at no cost for each
// of that; the end of its time there is a deadline like any other, and its action the one deletion path.

#include "app/access.h"
#include "app/deletion.h"
#include "app/forest.h"

namespace mayfly {

class Trash {
 public:
  Trash(Store& store, Access& access, const Deletion& deletion, Random& random, const Installation& installation)
      : store_(store), access_(access), deletion_(deletion), random_(random), installation_(installation) {}

  struct Wish {
    bool purge = false;                     // at once, and for good
    Tier tier = Tier::brief;                // of a first delete; asking again changes nothing
    std::string plan = {};                  // the etag of the plan that this confirms; empty: whatever there is
  };
  struct Done {
    Entry entry;
    TaskId task = {};                       // of a purge
  };
  /// conflict "held"; conflict "plan_changed" where it is not that plan any more; conflict "retention_none" for a purge
  /// of what is kept without an end.
  Result<Done> remove(const Caller& caller, Kind kind, const std::string& id, const Wish& wish);

  /// With all that lies in it, as it was; sandboxes come back stopped. conflict: the name is another's by now, it lies
  /// in something that is in the trash itself, or it is not in the trash.
  Result<Entry> restore(const Caller& caller, Kind kind, const std::string& id);

  struct Emptied {
    std::size_t purged = 0, failed = 0;     // failed: held, or kept without an end
  };
  /// Purges all of the caller's workspace.
  Result<Emptied> empty(const Caller& caller);

  /// Stops what runs in workspaces that are in the trash, and sees to the sandboxes of those that came back. To be
  /// called about once a second.
  Status run_once();

 private:
  Result<Done> put(Transaction& t, const Caller& caller, const Entry& entry, Tier tier) const;
  Result<TaskId> purge(Transaction& t, const Caller& caller, const Entry& entry, const DeleteRequest& request) const;
  Status stop_what_runs(const Trashed& workspace);
  Status welcome_back(const Trashed& workspace);
  template <class Body>
  auto write(Kind kind, Body body) -> decltype(body(std::declval<Transaction&>()));

  Store& store_;
  Access& access_;
  const Deletion& deletion_;
  Random& random_;
  const Installation& installation_;
};

/// Until when a deadline of this thing is put off: while its workspace is in the trash, or a hold keeps it from being
/// deleted. Nothing: it is not.
Result<std::optional<Time>> put_off_until(Transaction& t, const Resource& resource, bool deletes);

}  // namespace mayfly
